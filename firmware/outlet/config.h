/*
 * What a build of the outlet decides: members of struct outlet_config (core/outlet_config.h). What
 * a unit's fctry partition says wins over it. Another file: make firmware FW_CONFIG=path.h
 */
#ifndef OUTLET_BUILD_CONFIG_H
#define OUTLET_BUILD_CONFIG_H

#define OUTLET_CONFIG .transport = PORT_PROV_SOFTAP

#endif

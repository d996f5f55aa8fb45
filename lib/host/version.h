/* The version of the whole tool set. */
#ifndef HOST_VERSION_H
#define HOST_VERSION_H

#define FCTRY_VERSION "0.1.0"

#endif

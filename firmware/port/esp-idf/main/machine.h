/* The machine under the port: what the main program knows of it, and how its errors are called. */
#ifndef PORT_ESP_MACHINE_H
#define PORT_ESP_MACHINE_H

#include <stdbool.h>

#include <esp_err.h>

/* Starts to listen to the operator's console, where the build has one. */
void machine_start(void);

bool machine_restart_wanted(void);

/* Posts what has changed at the inputs. */
void machine_poll_pins(void);

/* 0 or -E_XXX. */
int machine_error(esp_err_t rc);

#endif

/* ESP-IDF 5 has the eFuses of anti-rollback here; this chip has none. */

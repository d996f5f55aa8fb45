# shellcheck shell=bash
# Sourced behind lib.sh by tests that need a real PostgreSQL server: one of our own, in a folder, on a free port.
# pg_begin sets PG_URL (without its password, which PGPASSFILE has), or PG_WHY: the reason why there is none. The test
# calls pg_end at its end, which removes the folder.
PG_BIN=$(find /usr/lib/postgresql/*/bin -maxdepth 0 2>/dev/null | sort -V | tail -1)
PG_DIR='' PG_PORT='' PG_URL='' PG_WHY='' PG_AS=''
PG_PASSWORD=secret-of-test

pg_start() { $PG_AS "$PG_BIN/pg_ctl" -D "$PG_DIR/data" -s -w -t 60 -l "$PG_DIR/log" start >/dev/null 2>&1; }
pg_stop() { $PG_AS "$PG_BIN/pg_ctl" -D "$PG_DIR/data" -s -w -t 60 -m "$1" stop >/dev/null 2>&1; }
pg_sql() { $PG_AS "$PG_BIN/psql" -qAt -h "$PG_DIR" -p "$PG_PORT" -U fctry -d "${DB:-ledger}" -c "$1"; }

pg_end() {
        [ -n "$PG_DIR" ] || return 0
        pg_stop immediate
        rm -rf "$PG_DIR"
        PG_DIR=
}

# What is missing, as a reason to skip; a status other than 0 without one is a failure.
pg_begin() {
        local try up=
        [ -x "${PG_BIN:-/none}/initdb" ] || PG_WHY="PostgreSQL's server is not installed (Debian: postgresql)"
        if [ -z "$PG_WHY" ] && [ "$(id -u)" = 0 ]; then # the server does not run as root
                if id postgres >/dev/null 2>&1 && command -v setpriv >/dev/null; then
                        PG_AS="setpriv --reuid postgres --regid postgres --clear-groups"
                else
                        PG_WHY="runs as root and there is no user postgres"
                fi
        fi
        [ -z "$PG_WHY" ] || return 1
        PG_DIR=$(mktemp -d "${TMPDIR:-/tmp}/fctry-pg.XXXXXX")
        echo "$PG_PASSWORD" >"$PG_DIR/pw"
        [ -z "$PG_AS" ] || chown postgres "$PG_DIR" "$PG_DIR/pw"
        (cd "$PG_DIR" && $PG_AS "$PG_BIN/initdb" -D "$PG_DIR/data" -U fctry -E UTF8 --locale=C.UTF-8 --auth-local=trust \
                --auth-host=scram-sha-256 --pwfile="$PG_DIR/pw" >"$PG_DIR/initdb.log" 2>&1) || {
                cat "$PG_DIR/initdb.log"
                return 1
        }
        for try in 1 2 3 4 5; do
                PG_PORT=$((20000 + (RANDOM + $$ + try) % 12000))
                printf '%s\n' "port = $PG_PORT" "listen_addresses = '127.0.0.1'" "unix_socket_directories = '$PG_DIR'" \
                        "max_connections = 20" "shared_buffers = 16MB" | $PG_AS tee "$PG_DIR/data/postgresql.auto.conf" >/dev/null
                pg_start && up=1 && break
        done
        [ -n "$up" ] || {
                tail -5 "$PG_DIR/log"
                return 1
        }
        DB=postgres pg_sql 'CREATE DATABASE ledger' >/dev/null
        PG_URL="postgresql://fctry@127.0.0.1:$PG_PORT/ledger"
        echo "127.0.0.1:$PG_PORT:*:fctry:$PG_PASSWORD" >"$T/pgpass"
        chmod 600 "$T/pgpass"
}

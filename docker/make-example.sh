#!/bin/sh
# Makes the example database unless an earlier `docker compose up` made it.
set -eu
tools="${REKEY_PG_BIN:-/usr/lib/postgresql/18/bin}"
there=$("$tools/psql" "$EXAMPLE_SERVER" -Atc "select count(*) from pg_database where datname = 'testapp'")
if [ "$there" = 0 ]; then
  node dist/examples/testapp/main.js --rows 200000 "$EXAMPLE_SERVER"
fi

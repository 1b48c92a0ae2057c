#!/bin/sh
# Makes the secrets that compose.yaml names, once. The folder is for its owner
# alone; the files in it must be readable by the containers' users.
set -eu
cd "$(dirname "$0")"
if [ -e secrets ]; then
    echo "secrets is there already" >&2
    exit 1
fi
mkdir -m 700 secrets
random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
password=$(random)
printf '%s' "$password" >secrets/postgres-password
printf 'postgres://callbackd:%s@postgres:5432/callbackd' "$password" >secrets/database-url
random >secrets/pbx1-password
chmod 644 secrets/*

#!/bin/sh
# Runs Asterisk with the password of ARI that callbackd has, instead of the
# sample's.
set -eu
password=$(cat /run/secrets/pbx1-password)
instance=/etc/asterisk/instance.conf
awk -v password="$password" '
    /^\[/ { section = $0 }
    section ~ /^\[instance-ari\]/ && /^password *=/ { $0 = "password = " password }
    { print }' "$instance" >"$instance.new"
install -m 640 -g asterisk "$instance.new" "$instance"
rm "$instance.new"
# What the service of systemd would make, and the volume.
install -d -o asterisk -g asterisk /run/asterisk /var/spool/asterisk/recording
exec asterisk -f -U asterisk -G asterisk

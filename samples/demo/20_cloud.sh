# shellcheck shell=sh
# The cloud that the outlet will talk to; its ports are free ones.
step "A cloud on this machine: broker, shadows, update server (samples/cloud)"
show "$top/samples/cloud/up" --ca ca --devices devices --mqtt-port 0 cloud >cloud.txt
head -4 cloud.txt
. ./cloud/cloud.env # HOST, MQTT_PORT, REST_PORT, UPDATE_PORT, CA, WWW

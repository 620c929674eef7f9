if [ "$1" -eq 0 ] && [ -d /run/systemd/system ]; then
    systemctl --no-reload disable --now foreman-ipam-proxy.socket foreman-ipam-proxy.service || :
fi
exit 0

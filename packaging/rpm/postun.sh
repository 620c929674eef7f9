if [ -d /run/systemd/system ]; then
    systemctl daemon-reload || :
    if [ "$1" -ge 1 ]; then
        # Not the socket, on which callers wait meanwhile.
        systemctl try-restart foreman-ipam-proxy.service || :
    fi
fi
if [ "$1" -eq 0 ]; then
    # Changed settings, the store, holds and logs stay, as does their owner; empty directories do not.
    for directory in /etc/foreman-ipam-proxy/settings.d /etc/foreman-ipam-proxy /var/lib/foreman-ipam-proxy \
        /var/log/foreman-ipam-proxy /usr/share/foreman-ipam-proxy/monitoring /usr/share/foreman-ipam-proxy \
        /usr/share/doc/foreman-ipam-proxy/examples /usr/share/doc/foreman-ipam-proxy \
        /usr/share/licenses/foreman-ipam-proxy; do
        [ ! -d "$directory" ] || rmdir --ignore-fail-on-non-empty "$directory" || :
    done
fi
exit 0

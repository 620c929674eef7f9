systemd-tmpfiles --create foreman-ipam-proxy.conf || :
if [ "$1" -eq 1 ]; then
    if [ -d /run/systemd/system ]; then
        # Enabled only where the site's presets say so.
        systemctl --no-reload preset foreman-ipam-proxy.service foreman-ipam-proxy.socket || :
    fi
else
    # An older version cannot read the store of a newer one; nor can anything but the newer one make it older again.
    store=/var/lib/foreman-ipam-proxy/ipam.sqlite
    if [ -f "$store" ] && ! said=$(setpriv --reuid foreman-ipam-proxy --regid foreman-ipam-proxy --init-groups \
        /usr/bin/foreman-ipam-proxy group list --store "$store" 2>&1); then
        echo "$said" >&2
        echo 'foreman-ipam-proxy: the service cannot use its store; nothing in it was changed' >&2
    fi
fi
exit 0

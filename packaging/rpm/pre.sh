# The settings belong to the group, so it must be there before them.
getent group foreman-ipam-proxy >/dev/null || groupadd --system foreman-ipam-proxy
getent passwd foreman-ipam-proxy >/dev/null ||
    useradd --system --gid foreman-ipam-proxy --home-dir /var/lib/foreman-ipam-proxy --no-create-home \
        --shell /usr/sbin/nologin --comment 'Foreman IPAM proxy' foreman-ipam-proxy
exit 0

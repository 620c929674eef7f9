# @summary A TCP port. The 0 that the proxy knows too, for any free port, is of no use where Foreman must find it.
type Foreman_ipam_proxy::Port = Integer[1, 65535]

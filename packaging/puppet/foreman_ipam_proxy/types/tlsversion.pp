# @summary A version of TLS that can be switched off.
type Foreman_ipam_proxy::Tlsversion = Enum['1.0', '1.1', '1.2', '1.3']

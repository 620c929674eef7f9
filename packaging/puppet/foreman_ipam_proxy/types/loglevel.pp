# @summary How much is logged.
type Foreman_ipam_proxy::Loglevel = Enum['DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL', 'UNKNOWN']

# @summary The IPAM behind the proxy.
type Foreman_ipam_proxy::Provider = Enum['bluecat', 'infoblox', 'internal', 'nautobot', 'netbox', 'phpipam', 'solarwinds', 'solidserver', 'tcpwave']

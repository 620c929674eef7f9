# @summary How errors are told.
type Foreman_ipam_proxy::Errorstyle = Enum['auto', 'foreman', 'http']

# @summary The name of the settings file of an IPAM.
type Foreman_ipam_proxy::Settingsfile = Pattern[/\Aexternalipam_[a-z0-9]+(_[a-z0-9]+)*\.yml\z/]

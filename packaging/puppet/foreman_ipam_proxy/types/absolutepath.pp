# @summary The path of a file or directory, from the root.
type Foreman_ipam_proxy::Absolutepath = Pattern[/\A\/[^\n\0]*\z/]

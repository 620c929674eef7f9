# @summary A URL with http:// or https://. What else is wrong with one the proxy says, and shows no password in doing so.
type Foreman_ipam_proxy::Httpurl = Pattern[/\A(?i:https?):\/\/./]

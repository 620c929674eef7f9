# @summary Where the log goes: a file, standard output, syslog or the journal.
type Foreman_ipam_proxy::Logfile = Variant[Enum['STDOUT', 'SYSLOG', 'JOURNAL', 'JOURNALD'], Foreman_ipam_proxy::Absolutepath]

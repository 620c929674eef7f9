# @summary Settings of the embedded IPAM, `externalipam_internal.yml`.
type Foreman_ipam_proxy::Internal = Struct[{
  Optional['store'] => Optional[Variant[Enum['database'], Foreman_ipam_proxy::Absolutepath]],
}]

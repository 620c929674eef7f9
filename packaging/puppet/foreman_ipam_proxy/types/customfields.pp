# @summary Custom fields by their names: texts, numbers, true or false, or lists of texts.
type Foreman_ipam_proxy::Customfields = Hash[String[1], Variant[String, Numeric, Boolean, Array[String]]]

# @summary One file of settings, which is not put in place before the proxy has found it right.
#
# @param ensure
#   Is it to be there?
# @param directory
#   The directory it is in; its name is the title.
# @param settings
#   What it says.
# @param is_secret
#   May nobody see what changes in it?
# @param is_ours
#   Is it for this module only? The proxy then has nothing to say about it.
#
# @api private
define foreman_ipam_proxy::settings_file (
  Boolean $ensure,
  Foreman_ipam_proxy::Absolutepath $directory,
  Variant[Hash, Sensitive[Hash]] $settings = {},
  Boolean $is_secret = false,
  Boolean $is_ours = false,
) {
  $path = "${directory}/${title}"
  # A copy of a secret is one place more to find it in.
  $backup = $is_secret ? {
    true    => false,
    default => undef,
  }

  if $ensure {
    $note = $is_ours ? {
      true    => "# What a reload of foreman-ipam-proxy does not change; the proxy does not read this.\n",
      default => '',
    }
    $text = foreman_ipam_proxy::to_yaml($settings)
    $content = Sensitive("# Written by Puppet. What is changed here does not last.\n${note}${text.unwrap}")
    $is_checked = $foreman_ipam_proxy::check_settings and !$is_ours
    $validate_cmd = $is_checked ? {
      true    => "/usr/bin/foreman-ipam-proxy check-file --as ${title} %",
      default => undef,
    }
    $shown = $is_secret ? {
      true    => $content,
      default => $content.unwrap,
    }

    file { $path:
      ensure       => file,
      owner        => 'root',
      group        => 'foreman-ipam-proxy',
      mode         => '0640',
      content      => $shown,
      show_diff    => !$is_secret,
      backup       => $backup,
      validate_cmd => $validate_cmd,
    }
  } else {
    file { $path:
      ensure => absent,
      backup => $backup,
    }
  }
}

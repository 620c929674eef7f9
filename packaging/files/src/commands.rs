//! Manual pages and shell completions of the commands.

use std::fs;
use std::io;
use std::path::Path;

use clap::Command;
use clap_complete::{Shell, generate_to};
use clap_mangen::Man;

/// Commands of an administrator: section 8.
const SECTION: &str = "8";

/// The first heading of each page.
const NAME: &str = ".SH NAME";

/// Names of options must not be broken, and lines of long names not be stretched.
const PLAIN_LINES: &str = ".nh\n.ad l\n";

/// The end of each page.
const SEE_ALSO: &str = "\
.SH \"SEE ALSO\"
\\fBforeman\\-ipam\\-proxy\\fR(8), \\fBforeman\\-ipam\\-proxy\\-settings\\fR(5)
";

/// Writes a page for the program and one for each command, such as `foreman-ipam-proxy-holds-list.8`.
pub(crate) fn write_pages(program: &Command, directory: &Path) -> io::Result<()> {
    // `help` says what these pages say.
    let mut program = program.clone().disable_help_subcommand(true);
    program.build();
    write_page(&program, &source(&program), directory)
}

fn source(program: &Command) -> String {
    format!("{} {}", program.get_name(), program.get_version().unwrap_or_default())
}

fn write_page(command: &Command, source: &str, directory: &Path) -> io::Result<()> {
    for command in command.get_subcommands().filter(|command| !command.is_hide_set()) {
        write_page(command, source, directory)?;
    }
    let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
    let page = Man::new(command.clone()).title(&name).section(SECTION).source(source).manual("System administration");
    let mut text = Vec::new();
    page.render(&mut text)?;
    let text = String::from_utf8(text).map_err(io::Error::other)?;
    // Of many options that exclude one another, the synopsis makes one word, which needs places to break.
    let text = text.replace(r"\fR|\fB", r"\fR|\:\fB");
    let text = text.replacen(NAME, &format!("{PLAIN_LINES}{NAME}"), 1) + SEE_ALSO;
    fs::write(directory.join(format!("{name}.{SECTION}")), text)
}

/// Writes what makes a shell complete the command line, under the names by which the shells look for it.
pub(crate) fn write_completions(program: &Command, directory: &Path) -> io::Result<()> {
    let name = program.get_name().to_owned();
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        let written = generate_to(shell, &mut program.clone(), &name, directory)?;
        if shell == Shell::Bash {
            fs::rename(written, directory.join(&name))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use foreman_ipam_proxy::cli;
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn every_command_has_a_page_that_names_itself_and_its_options() {
        let directory = TempDir::new().expect("a directory");
        write_pages(&cli::Arguments::command(), directory.path()).expect("pages");
        let page = |name: &str| fs::read_to_string(directory.path().join(name)).expect(name);
        assert!(page("foreman-ipam-proxy.8").contains(r"foreman\-ipam\-proxy\-serve(8)"));
        assert!(page("foreman-ipam-proxy-check.8").contains(r"\-\-settings\-only"));
        assert!(page("foreman-ipam-proxy-holds-list.8").contains(r"foreman\-ipam\-proxy\-holds\-list"));
        for entry in fs::read_dir(directory.path()).expect("a list") {
            let name = entry.expect("an entry").file_name().into_string().expect("a name");
            assert!(page(&name).contains(".SH SYNOPSIS"), "{name}");
            assert!(!name.contains("help"), "{name} is a page about a page");
        }
    }

    #[test]
    fn each_shell_finds_its_completions() {
        let directory = TempDir::new().expect("a directory");
        write_completions(&cli::Arguments::command(), directory.path()).expect("completions");
        for name in ["foreman-ipam-proxy", "_foreman-ipam-proxy", "foreman-ipam-proxy.fish"] {
            let text = fs::read_to_string(directory.path().join(name)).expect(name);
            assert!(text.contains("settings-only"), "{name}");
        }
    }
}

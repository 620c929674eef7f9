//! Manual pages of the settings files, one for each example.

use std::error::Error;
use std::fs;
use std::path::Path;

use clap_mangen::roff::{Inline, Roff, bold, roman};

use crate::example::{Example, Part};
use crate::examples_in;

/// Files: section 5.
const SECTION: &str = "5";

/// What all pages are named after.
const PROGRAM: &str = "foreman-ipam-proxy";

/// Writes a page for each example, such as `foreman-ipam-proxy-externalipam_netbox.5`; that of `settings.yml` is
/// `foreman-ipam-proxy-settings.5`.
pub(crate) fn write(examples: &Path, directory: &Path) -> Result<(), Box<dyn Error>> {
    let mut read = Vec::new();
    for path in examples_in(examples)? {
        let text = fs::read_to_string(&path)?;
        read.push(Example::read(&text).map_err(|error| format!("{}: {error}", path.display()))?);
    }
    for example in &read {
        let others: Vec<&Example> = read.iter().filter(|other| other.file != example.file).collect();
        fs::write(directory.join(format!("{}.{SECTION}", name(example))), page(example, &others))?;
    }
    Ok(())
}

fn name(example: &Example) -> String {
    format!("{PROGRAM}-{}", example.file.trim_end_matches(".yml"))
}

fn page(example: &Example, others: &[&Example]) -> String {
    let source = format!("{PROGRAM} {}", env!("CARGO_PKG_VERSION"));
    let mut page = Roff::new();
    page.control("TH", [name(example).as_str(), SECTION, "", &source, "Settings"]);
    // Names of variables and files must not be broken, and lines of long names not be stretched.
    page.control("nh", []);
    page.control("ad", ["l"]);
    page.control("SH", ["NAME"]);
    page.text([roman(format!("{} - {}: {}", name(example), example.file, example.subject))]);
    page.control("SH", ["DESCRIPTION"]);
    for (index, paragraph) in example.about.iter().enumerate() {
        if index > 0 {
            page.control("PP", []);
        }
        page.text(inlines(paragraph));
    }
    page.control("SH", ["SETTINGS"]);
    for part in &example.parts {
        match part {
            Part::Heading(heading) => page.control("SS", [heading.as_str()]),
            Part::Paragraph(text) => page.control("PP", []).text(inlines(text)),
            Part::Settings { lines, text } => {
                for (index, line) in lines.iter().enumerate() {
                    page.control(if index == 0 { "TP" } else { "TQ" }, []);
                    page.text([bold(line.as_str())]);
                }
                page.text(inlines(text))
            }
        };
    }
    page.control("SH", ["SEE ALSO"]);
    let mut see = vec![bold(PROGRAM), roman("(8)")];
    for other in others {
        see.extend([roman(", "), bold(name(other)), roman(format!("({SECTION})"))]);
    }
    page.text(see);
    page.render()
}

/// Text in which backticks enclose what is to be typed.
fn inlines(text: &str) -> Vec<Inline> {
    text.split('`').enumerate().map(|(index, piece)| if index % 2 == 1 { bold(piece) } else { roman(piece) }).collect()
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn every_setting_of_every_example_is_on_the_page_of_its_file() {
        let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../settings.d");
        let directory = TempDir::new().expect("a directory");
        write(&examples, directory.path()).expect("pages");
        let plain = |text: &str| text.replace(r"\-", "-").replace(r"\*(Aq", "'").replace(r"\fB", "");
        for path in examples_in(&examples).expect("examples") {
            let text = fs::read_to_string(&path).expect("an example");
            let example = Example::read(&text).expect("its form");
            let page = directory.path().join(format!("{}.5", name(&example)));
            let page = plain(&fs::read_to_string(page).expect("a page"));
            for setting in text.lines().filter_map(crate::example::setting) {
                let key = setting.split(':').next().expect("a key");
                assert!(page.contains(&format!("\n{key}:")), "{}: {key}", path.display());
            }
        }
    }

    #[test]
    fn a_page_says_what_the_example_says() {
        let example = "---\n# some.yml: the subject. It belongs in settings.d.\n\n# ---- Head ---\n# Run `this`. \
                       Default: 'x'.\n#key: 'x'\n";
        let example = Example::read(example).expect("an example");
        let page = page(&example, &[]);
        assert!(page.contains(r"foreman\-ipam\-proxy\-some \- some.yml: the subject"), "{page}");
        assert!(page.contains(".SS Head"), "{page}");
        assert!(page.contains(r"Run \fBthis\fR. Default: "), "{page}");
    }
}

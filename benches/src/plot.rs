//! Plots as SVG, small enough to need no library.

use std::fmt::Write as _;

/// A group of horizontal bars under a title.
#[derive(Clone, Debug)]
pub struct Bars {
    /// What the group shows, and in which unit.
    pub title: String,
    /// A label, a length and the text at its end for each bar.
    pub bars: Vec<(String, f64, String)>,
}

/// Draws groups of bars below each other; each group has its own scale from zero.
pub fn bars(groups: &[Bars]) -> String {
    const ROW: usize = 20;
    let rows: usize = groups.iter().map(|group| group.bars.len() + 2).sum();
    let height = rows * ROW + 10;
    let mut svg = head(760, height);
    let mut y = 0;
    for Bars { title, bars } in groups {
        y += ROW;
        let _ = writeln!(
            svg,
            r#"<text x="10" y="{y}" font-weight="bold">{}</text>"#,
            escape(title)
        );
        let longest = bars
            .iter()
            .map(|(_, length, _)| *length)
            .fold(0.0, f64::max);
        for (label, length, text) in bars {
            let width = if longest > 0.0 {
                length / longest * 330.0
            } else {
                0.0
            };
            let top = y + 6;
            y += ROW;
            let _ = writeln!(
                svg,
                r##"<text x="250" y="{y}" text-anchor="end">{}</text><rect x="260" y="{top}" width="{width:.1}" height="16" fill="#3b6ea5"/><text x="{:.1}" y="{y}">{}</text>"##,
                escape(label),
                266.0 + width,
                escape(text),
            );
        }
        y += ROW;
    }
    svg + "</svg>\n"
}

/// A line over a logarithmic axis of counts.
#[derive(Clone, Debug)]
pub struct Line {
    /// What it shows, and in which unit.
    pub title: String,
    /// How many there were, and what was measured then.
    pub points: Vec<(f64, f64)>,
}

/// Draws lines below each other, each in a frame of its own that begins at zero.
pub fn lines(lines: &[Line]) -> String {
    const FRAME: f64 = 190.0;
    let mut svg = head(760, lines.len() * 190 + 10);
    let mut top = 30.0;
    for Line { title, points } in lines {
        let _ = writeln!(
            svg,
            r##"<text x="10" y="{:.0}" font-weight="bold">{}</text><rect x="60" y="{top}" width="660" height="120" fill="none" stroke="#999"/>"##,
            top - 10.0,
            escape(title)
        );
        let highest = points
            .iter()
            .map(|point| point.1)
            .fold(f64::MIN_POSITIVE, f64::max)
            * 1.15;
        let widest = points
            .iter()
            .map(|point| point.0)
            .fold(1.0, f64::max)
            .log10()
            .max(1.0);
        let at = |(x, y): (f64, f64)| {
            let across = 60.0 + x.max(1.0).log10() / widest * 660.0;
            (across, top + 120.0 - y / highest * 120.0)
        };
        let path: Vec<String> = points
            .iter()
            .map(|&point| {
                let (x, y) = at(point);
                format!("{x:.1},{y:.1}")
            })
            .collect();
        let _ = writeln!(
            svg,
            r##"<polyline points="{}" fill="none" stroke="#3b6ea5" stroke-width="2"/>"##,
            path.join(" ")
        );
        for &point in points {
            let (x, y) = at(point);
            let _ = writeln!(
                svg,
                r##"<circle cx="{x:.1}" cy="{y:.1}" r="3" fill="#3b6ea5"/><text x="{x:.1}" y="{:.1}" text-anchor="middle">{}</text><text x="{x:.1}" y="{:.1}" text-anchor="middle" fill="#666">{}</text>"##,
                y - 7.0,
                round(point.1),
                top + 136.0,
                round(point.0),
            );
        }
        top += FRAME;
    }
    svg + "</svg>\n"
}

fn head(width: usize, height: usize) -> String {
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="#fff"/>
"##
    )
}

/// Three digits that count, without an exponent.
pub fn round(value: f64) -> String {
    if value >= 100.0 {
        format!("{value:.0}")
    } else if value >= 10.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_bar_fills_the_width_and_text_is_escaped() {
        let bars = vec![
            ("a<b".into(), 2.0, "two".into()),
            ("c".into(), 1.0, "one".into()),
        ];
        let svg = super::bars(&[Bars {
            title: "t & u".into(),
            bars,
        }]);
        assert!(svg.contains(r#"width="330.0""#) && svg.contains(r#"width="165.0""#));
        assert!(svg.contains("a&lt;b") && svg.contains("t &amp; u"));
    }

    #[test]
    fn figures_have_three_digits() {
        assert_eq!(
            [round(1234.5), round(12.345), round(1.2345)],
            ["1234", "12.3", "1.23"]
        );
    }
}

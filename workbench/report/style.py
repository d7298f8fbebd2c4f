"""The style sheet of a report: light or dark as the reader's system, light on paper."""

from collections.abc import Iterable

from workbench.report.adaptive import declarations
from workbench.theme import Theme, load_theme

_TOKENS = ("background", "surface", "raised", "text", "muted_text", "border", "accent", "success", "problem")

_RULES = """
*{box-sizing:border-box}
body{margin:0;background:var(--surface);color:var(--text);font:16px/1.55 system-ui,-apple-system,"Segoe UI",
"Helvetica Neue",Arial,sans-serif;font-variant-numeric:tabular-nums}
main{max-width:60rem;margin:0 auto;padding:3.5rem 2rem 5rem}
header{margin-bottom:2.5rem}
h1{font-size:2.1rem;line-height:1.2;margin:0 0 .3rem;letter-spacing:-.01em}
h2{font-size:1.25rem;margin:3.2rem 0 .9rem}
h3{font-size:1rem;margin:1.8rem 0 .5rem}
p{margin:.4rem 0 .9rem;max-width:44rem}
.muted,figcaption{color:var(--muted_text)}
.failed{color:var(--problem)}
.headlines{display:flex;flex-wrap:wrap;gap:1.6rem 3rem;margin:2rem 0 0;padding:0;list-style:none}
.headlines b{display:block;font-size:1.7rem;font-weight:600;line-height:1.2}
.headlines li:first-child b{color:var(--accent)}
.headlines span{color:var(--muted_text);font-size:.9rem}
figure{margin:1rem 0 1.6rem}
figure svg{display:block;width:100%;height:auto}
figure.square svg{max-width:40rem;margin:0 auto}
figure.design svg{max-width:100%;max-height:70rem}
figcaption{font-size:.9rem;margin-top:.4rem}
figure.square figcaption{text-align:center}
.scroll{overflow-x:auto}
table{border-collapse:collapse;font-size:.92rem;min-width:50%}
th,td{text-align:left;padding:.36rem 1.4rem .36rem 0;border-bottom:1px solid var(--border);vertical-align:top}
th{font-weight:600;white-space:nowrap}
td:first-child{white-space:nowrap}
td.number,th.number{text-align:right}
td.mark{font-weight:600;color:var(--accent)}
td.mark::after{content:" \\2260"}
table.runs td{white-space:nowrap}
tr.own td:first-child::before{content:"\\25B8 "}
details summary{cursor:pointer;color:var(--muted_text);margin-bottom:.6rem}
blockquote{margin:0;padding-left:1rem;border-left:3px solid var(--accent);white-space:pre-wrap}
footer{margin-top:4rem;color:var(--muted_text);font-size:.85rem}
.columns{display:grid;grid-template-columns:repeat(auto-fit,minmax(21rem,1fr));gap:0 3rem}
.columns table{width:100%}
.on-dark{display:none}
@media (max-width:40rem){main{padding:2rem 1.1rem}.columns{grid-template-columns:1fr}}
@media print{@page{margin:16mm}body{font-size:10.5pt}main{max-width:none;padding:0}h2{break-after:avoid}
figure,tr,.headlines{break-inside:avoid}.scroll{overflow:visible}table.runs{font-size:7pt}
table.runs th,table.runs td{padding-right:.5rem;white-space:normal}figure.square svg{max-width:13cm}
figure.design svg{max-height:22cm}details{display:none}}
"""


def style_sheet(colors: Iterable[tuple[str, str]]) -> str:
    """The rules, with the colours of the themes and those that the pictures need."""
    pairs = list(colors)
    light = _tokens(load_theme("light")) + declarations(pairs, dark=False)
    dark = _tokens(load_theme("dark")) + declarations(pairs, dark=True)
    swapped = ".on-light{display:none}.on-dark{display:block}"
    return (
        f":root{{color-scheme:light dark;{light}}}{_RULES}"
        f"@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}{swapped}}}"
    )


def _tokens(theme: Theme) -> str:
    return "".join(f"--{name}:{getattr(theme, name)};" for name in _TOKENS)

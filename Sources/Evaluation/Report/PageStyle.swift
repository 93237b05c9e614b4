/// How the page looks, in a light and a dark dress.
enum PageStyle {
  static let sheet = """
    :root{--ink:#1c2430;--soft:#5b6675;--paper:#fbfbf9;--card:#fff;--line:#e3e5e8;--mark:#2f6fb0;\
    --good:#1d7a46;--bad:#b3261e;--goodback:#e4f4ea;--badback:#fbe6e4;--plainback:#eceff3}
    @media(prefers-color-scheme:dark){:root{--ink:#e7eaee;--soft:#9aa5b3;--paper:#14181d;--card:#1c2229;--line:#303842;\
    --mark:#74aee8;--good:#7fd6a2;--bad:#ff9b92;--goodback:#17382a;--badback:#45201f;--plainback:#262d36}}
    *{box-sizing:border-box}
    body{margin:0;background:var(--paper);color:var(--ink);\
    font:16px/1.5 system-ui,"Segoe UI",Helvetica,Arial,sans-serif}
    main{max-width:760px;margin:0 auto;padding:32px 20px 64px}
    h1{font-size:1.9rem;line-height:1.2;margin:0;overflow-wrap:anywhere}
    h2{font-size:1.1rem;margin:0 0 12px}
    h3{font-size:.95rem;margin:20px 0 6px}
    p{margin:0}
    .lead{color:var(--soft);margin:6px 0 16px;overflow-wrap:anywhere}
    .verdict{display:inline-block;padding:6px 14px;border-radius:6px;font-weight:600;background:var(--plainback)}
    .verdict.met{background:var(--goodback);color:var(--good)}
    .verdict.missed{background:var(--badback);color:var(--bad)}
    .tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(160px,1fr));gap:12px;margin:20px 0}
    .tile,section{background:var(--card);border:1px solid var(--line);border-radius:10px}
    .tile{padding:14px 16px;display:flex;flex-direction:column}
    .tile strong{font-size:1.5rem;font-variant-numeric:tabular-nums}
    .name,.detail,.note{color:var(--soft);font-size:.85rem}
    section{padding:18px 20px;margin:14px 0}
    section>.note{margin-top:10px}
    .scroll{overflow-x:auto}
    table{border-collapse:collapse;width:100%;font-size:.92rem;font-variant-numeric:tabular-nums}
    th{text-align:left;font-weight:600;color:var(--soft);font-size:.82rem;padding:0 12px 4px 0}
    td{padding:5px 12px 5px 0;border-top:1px solid var(--line);vertical-align:top}
    td.number{font-weight:600;white-space:nowrap}
    td.interval{white-space:nowrap}
    td.code{font-family:ui-monospace,Menlo,Consolas,monospace;font-size:.8rem;overflow-wrap:anywhere}
    td.met{color:var(--good);font-weight:600}
    td.missed{color:var(--bad);font-weight:600;white-space:nowrap}
    pre{margin:0;padding:12px 14px;background:var(--paper);border:1px solid var(--line);\
    border-radius:6px;overflow-x:auto;font:.82rem/1.5 ui-monospace,Menlo,Consolas,monospace}
    svg{display:block;width:100%;height:auto;font-size:12px}
    svg text{fill:var(--soft)}
    .bar{fill:var(--mark)}
    .line{fill:none;stroke:var(--mark);stroke-width:2;stroke-linejoin:round}
    .grid{stroke:var(--line)}
    .axis{stroke:var(--soft)}
    @media print{section,.tile{break-inside:avoid}}
    """
}

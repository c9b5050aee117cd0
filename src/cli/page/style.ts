/** The page's style: light or dark as the reader's system is. */
export const STYLE = `
:root { --ink: #1c2330; --soft: #5d6778; --line: #e3e7ee; --page: #ffffff; --panel: #f7f8fb; --blue: #2f6fde;
  --blue-soft: #c9dcf9; --amber: #c77d0a; --green: #2b8a57; --red: #c9372c; --red-soft: rgba(201,55,44,.14); --violet: #7a4fd0; --grey-soft: rgba(120,130,150,.16); }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9f0; --soft: #98a2b5; --line: #2c3444; --page: #12161f;
  --panel: #191f2b; --blue: #6ea4ff; --blue-soft: #26406d; --amber: #e7a53c; --green: #56c38a; --red: #ff7a6e;
  --red-soft: rgba(255,122,110,.18); --violet: #b596ff; --grey-soft: rgba(150,160,180,.18); } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, 'Segoe UI', Roboto, sans-serif; }
main { max-width: 1140px; margin: 0 auto; padding: 32px 24px 64px; }
h1 { font-size: 28px; margin: 0 0 4px; letter-spacing: -.01em; } h2 { font-size: 19px; margin: 40px 0 10px; }
h3 { font-size: 15px; margin: 22px 0 2px; display: flex; gap: 12px; align-items: baseline; flex-wrap: wrap; }
h3 small { font-weight: 400; color: var(--soft); } p, ul { color: var(--soft); margin: 4px 0; } ul { padding-left: 18px; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: 13px; }
th { text-align: right; font-weight: 600; color: var(--soft); font-size: 12px; padding: 6px 8px; border-bottom: 2px solid var(--line); white-space: nowrap; }
td { text-align: right; padding: 5px 8px; border-bottom: 1px solid var(--line); white-space: nowrap; }
th:first-child, td:first-child { text-align: left; } td.name { font-weight: 600; } td.name small { font-weight: 400; color: var(--soft); }
.yes { color: var(--green); font-weight: 600; } .no { color: var(--red); font-weight: 600; }
svg { display: block; width: 100%; height: auto; } .card { background: var(--panel); border: 1px solid var(--line); border-radius: 10px; padding: 12px; margin: 6px 0 14px; }
.grid { stroke: var(--line); stroke-width: 1; } .label, .bar-value { fill: var(--soft); font-size: 10.5px; } .load-text { fill: var(--amber); }
.leased { fill: var(--blue-soft); stroke: none; } .ready { fill: none; stroke: var(--blue); stroke-width: 1.5; }
.load { fill: none; stroke: var(--amber); stroke-width: 1.1; opacity: .9; } .ttft { fill: none; stroke: var(--green); stroke-width: 1.2; }
.itl { fill: none; stroke: var(--violet); stroke-width: 1.2; } .target { stroke: var(--red); stroke-width: 1; stroke-dasharray: 4 3; }
.missed { fill: var(--red-soft); } .excused { fill: var(--grey-soft); } .bar-name { fill: var(--ink); font-size: 12.5px; } .bar-value { font-size: 11.5px; }
.bar.kept { fill: var(--green); } .bar.broken { fill: var(--red); opacity: .45; } .bound { stroke: var(--ink); stroke-width: 1; stroke-dasharray: 3 3; }
details summary { cursor: pointer; color: var(--soft); font-size: 13px; } td.why { text-align: left; white-space: normal; }
.action line { stroke: var(--ink); stroke-width: 1; opacity: .35; } .action path { fill: var(--ink); } .action:hover line { opacity: 1; }
.legend { display: flex; gap: 18px; flex-wrap: wrap; font-size: 12.5px; color: var(--soft); margin: 6px 0; }
.legend i { display: inline-block; width: 16px; height: 10px; border-radius: 2px; margin-right: 6px; vertical-align: -1px; }
`;

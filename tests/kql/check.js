// Reads lines of JSON, {name: query}, from standard input. For each line it writes one: for each query what Microsoft's Kusto language service
// finds wrong in it and, as [name, type], the columns that it gives. The tables that queries may name are those of tables.json.
'use strict';

require('@kusto/language-service-next/bridge.min.js');
require('@kusto/language-service-next/Kusto.Language.Bridge.min.js');

const {KustoCode, GlobalState, Symbols} = globalThis.Kusto.Language;

const tables = Object.entries(require('./tables.json'))
    .map(([name, columns]) => Symbols.TableSymbol.From(`(${columns})`).WithName(name));
const globals = GlobalState.Default.WithDatabase(new Symbols.DatabaseSymbol.ctor('workspace', tables));

const list = (items) => Array.from({length: items.Count}, (_, i) => items.getItem(i));

function check(query) {
    const code = KustoCode.ParseAndAnalyze(query, globals);
    const problems = list(code.GetDiagnostics()).map((d) => {
        const before = query.slice(0, d.Start).split('\n');
        return `line ${before.length}, column ${before.at(-1).length + 1}: ${d.Severity} ${d.Code}: ${d.Message}`;
    });
    const columns = code.ResultType?.Columns;
    return {problems, columns: columns ? list(columns).map((c) => [c.Name, c.Type.Name]) : []};
}

require('node:readline').createInterface({input: process.stdin}).on('line', (line) => {
    const verdicts = Object.entries(JSON.parse(line)).map(([name, query]) => [name, check(query)]);
    console.log(JSON.stringify(Object.fromEntries(verdicts)));
});

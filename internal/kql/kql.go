// Package kql runs queries of the Kusto query language over tables in memory. It knows only what the product's queries,
// its alerts and its workbook, use, and datatable, with which its own tests write rows down: a query with more needs
// more here. It is for tests and for documentation, and never part of the program that is deployed. It is strict: what
// it does not know is an error that names it, and so is what Kusto documents no answer to.
package kql

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Type is the type of a column or of an expression.
type Type int

// The types, and the Go types of their values. Null is nil, for every type but String, which has no null: nil becomes
// "".
const (
	Bool     Type = iota // bool
	Int                  // int64 within 32 bits; int is taken too
	Long                 // int64; int is taken too
	Real                 // float64
	String               // string
	DateTime             // time.Time, whole 100 nanoseconds in UTC
	TimeSpan             // time.Duration, whole 100 nanoseconds
	Dynamic              // string, or map[string]any with such values in it
)

var typeNames = []string{"bool", "int", "long", "real", "string", "datetime", "timespan", "dynamic"}

func (t Type) String() string { return typeNames[t] }

func typeByName(name string) (Type, bool) {
	i := slices.Index(typeNames, name)
	return Type(i), i >= 0
}

// Column is a column of a table.
type Column struct {
	Name string
	Type Type
}

// Table is what a query reads and gives. Each row has a value for each column.
type Table struct {
	Columns []Column
	Rows    [][]any
}

// Database is the tables that a query may name.
type Database map[string]Table

// Run runs a query at a time, which ago() is relative to. A query that is not understood, or that Kusto would refuse,
// is an error with its line and column.
func Run(query string, db Database, now time.Time) (result Table, err error) {
	defer func() {
		if problem := recover(); problem != nil {
			f, ok := problem.(fault)
			if !ok {
				panic(problem)
			}
			result, err = Table{}, f.at(query)
		}
	}()
	statements := parse(query)
	e := &env{db: db, now: now.UTC().Truncate(tick), lets: map[string]binding{}}
	for _, let := range statements.lets {
		e.let(let)
	}
	return statements.query(e), nil
}

// fault is how the parts of this package report what is wrong: by panicking with it, so that Run turns it into an
// error.
type fault struct {
	position int // bytes into the query, or -1
	text     string
}

func (f fault) at(query string) error {
	if f.position < 0 {
		return fmt.Errorf("kql: %s", f.text)
	}
	before := query[:f.position]
	line := strings.Count(before, "\n") + 1
	column := f.position - strings.LastIndex(before, "\n")
	return fmt.Errorf("kql: line %d, column %d: %s", line, column, f.text)
}

func fail(position int, format string, args ...any) {
	panic(fault{position, fmt.Sprintf(format, args...)})
}

// env is what names mean outside of a table.
type env struct {
	db   Database
	now  time.Time
	lets map[string]binding
}

// binding is what a let statement gives a name to: a table or a scalar.
type binding struct {
	table  *Table
	scalar *bound
}

func (e *env) let(l let) {
	if _, ok := e.lets[l.name]; ok {
		fail(l.position, "let %s is said twice", l.name)
	}
	if l.table != nil {
		t := l.table(e)
		e.lets[l.name] = binding{table: &t}
		return
	}
	b := scope{env: e}.bind(l.scalar)
	value := b.eval(row{})
	e.lets[l.name] = binding{scalar: &bound{b.typ, func(row) any { return value }}}
}

// table gives a table by its name, with the values of the database's in this package's own types.
func (e *env) table(position int, name string) Table {
	if b, ok := e.lets[name]; ok {
		if b.table == nil {
			fail(position, "%s is a scalar, not a table", name)
		}
		return *b.table
	}
	t, ok := e.db[name]
	if !ok {
		fail(position, "there is no table %s", name)
	}
	return normalize(name, t)
}

package evcp_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// kind is what a package may do at all.
type kind int

const (
	decides kind = iota // values in, values out
	does                // owns one resource, or joins packages that do
)

// contract is what one package may do, and which packages of this module its
// non-test files may import.
type contract struct {
	kind    kind
	imports []string
}

// packages is the import lattice. A package that is missing here, a package here that
// does not exist, and an import here that nobody uses are errors.
var packages = map[string]contract{
	".":                          {decides, nil},
	"internal/pace":              {decides, []string{"."}},
	"internal/wire":              {decides, []string{"."}},
	"internal/language":          {decides, nil},
	"internal/fleet":             {decides, []string{".", "internal/config", "internal/idrange", "internal/language"}},
	"internal/idrange":           {decides, []string{"internal/language"}},
	"internal/advice":            {decides, []string{".", "internal/language"}},
	"internal/display":           {decides, []string{".", "internal/language"}},
	"internal/config":            {decides, []string{".", "internal/display", "internal/language"}},
	"internal/console":           {does, []string{".", "internal/display", "internal/language"}},
	"internal/link":              {does, []string{"."}},
	"internal/authority":         {does, []string{".", "internal/folder", "internal/language"}},
	"internal/credentials":       {does, []string{"internal/language", "internal/metrics"}},
	"internal/exchange":          {decides, []string{".", "internal/wire"}},
	"internal/probe":             {does, []string{".", "internal/exchange", "internal/link", "internal/wire"}},
	"internal/folder":            {does, []string{"internal/language"}},
	"internal/sqlite":            {does, []string{"internal/folder"}},
	"internal/audit":             {does, []string{".", "internal/folder", "internal/language", "internal/sqlite"}},
	"internal/accounts":          {does, []string{".", "internal/audit", "internal/language", "internal/sqlite"}},
	"internal/operations":        {does, []string{".", "internal/audit", "internal/language", "internal/ledger", "internal/sqlite"}},
	"internal/outbox":            {does, []string{".", "internal/folder", "internal/language", "internal/sqlite"}},
	"internal/monitor":           {does, []string{".", "internal/outbox", "internal/pace", "internal/probe", "internal/metrics", "internal/wait"}},
	"internal/uplink":            {does, []string{".", "internal/link", "internal/outbox", "internal/pace", "internal/metrics", "internal/wire"}},
	"internal/kafka":             {does, []string{".", "internal/link", "internal/outbox", "internal/pace", "internal/wait", "internal/wire"}},
	"internal/logtext":           {decides, []string{".", "internal/advice", "internal/display", "internal/language"}},
	"internal/selftest":          {does, []string{".", "internal/advice", "internal/display", "internal/kafka", "internal/language", "internal/link", "internal/probe", "internal/uplink", "internal/wire"}},
	"internal/watch":             {does, []string{".", "internal/console", "internal/credentials", "internal/display", "internal/explain", "internal/kafka", "internal/language", "internal/link", "internal/logtext", "internal/metrics", "internal/monitor", "internal/outbox", "internal/probe", "internal/status", "internal/systemd", "internal/uplink", "internal/version", "internal/wait", "internal/wire"}},
	"internal/engine":            {does, []string{".", "internal/idrange", "internal/language", "internal/tcp", "internal/wait", "internal/wire"}},
	"internal/central/conngroup": {decides, []string{"."}},
	"internal/central/cpstate":   {decides, []string{".", "internal/wire"}},
	"internal/central":           {does, []string{".", "internal/authority", "internal/central/conngroup", "internal/central/cpstate", "internal/console", "internal/credentials", "internal/display", "internal/folder", "internal/language", "internal/link", "internal/pace", "internal/sqlite", "internal/wait", "internal/wire"}},
	"internal/history":           {decides, []string{"."}},
	"internal/ledger":            {decides, []string{".", "internal/history", "internal/language"}},
	"internal/ocpi":              {decides, []string{".", "internal/central/cpstate", "internal/ledger"}},
	"internal/report":            {decides, []string{".", "internal/display", "internal/history", "internal/language", "internal/ledger"}},
	"internal/eventstate":        {decides, []string{".", "internal/history"}},
	"internal/archive":           {does, []string{".", "internal/folder", "internal/history", "internal/language", "internal/kafka", "internal/ledger", "internal/pace", "internal/eventstate", "internal/sqlite"}},
	"internal/alert":             {decides, []string{".", "internal/advice", "internal/central/cpstate", "internal/display", "internal/language"}},
	"internal/notify":            {does, []string{".", "internal/alert", "internal/archive", "internal/central", "internal/central/cpstate", "internal/display", "internal/language", "internal/metrics", "internal/operations", "internal/pace", "internal/sqlite", "internal/version"}},
	"internal/kafkasettings":     {does, []string{"internal/cli", "internal/config", "internal/credentials", "internal/kafka", "internal/language"}},
	"internal/dashboard":         {does, []string{".", "internal/accounts", "internal/archive", "internal/audit", "internal/central", "internal/central/cpstate", "internal/history", "internal/language", "internal/ledger", "internal/metrics", "internal/notify", "internal/ocpi", "internal/operations", "internal/eventstate", "internal/report", "internal/wait", "internal/status", "internal/version", "internal/wire"}},
	"internal/demo":              {does, []string{".", "internal/accounts", "internal/advice", "internal/archive", "internal/audit", "internal/central", "internal/central/cpstate", "internal/console", "internal/dashboard", "internal/display", "internal/engine", "internal/generator", "internal/kafka", "internal/language", "internal/link", "internal/operations", "internal/tcp", "internal/wait", "internal/watch", "internal/wire"}},
	"internal/engine/remote":     {does, []string{"internal/engine", "internal/status"}},
	"internal/metrics":           {does, nil},
	"internal/wait":              {does, nil},
	"internal/tcp":               {does, nil},
	"internal/status":            {does, []string{"internal/folder", "internal/language", "internal/metrics", "internal/wait"}},
	"internal/systemd":           {does, []string{"internal/wait"}},
	"internal/explain":           {decides, []string{".", "internal/advice", "internal/display", "internal/language", "internal/wire"}},
	"internal/eventlog":          {does, []string{".", "internal/display", "internal/language", "internal/logtext", "internal/outbox", "internal/wait"}},
	"internal/cli":               {does, []string{"internal/config", "internal/console", "internal/credentials", "internal/display", "internal/language", "internal/link", "internal/status", "internal/tcp", "internal/version"}},
	"internal/version":           {decides, nil},
	"internal/bubble":            {does, nil},
	"internal/simnet":            {does, []string{"internal/wait"}},
	"internal/process":           {does, []string{"internal/wait"}},
	"internal/testbed":           {does, []string{".", "internal/authority", "internal/central", "internal/engine", "internal/language", "internal/process", "internal/tcp", "internal/wait"}},
	"internal/oracle":            {decides, []string{".", "internal/history", "internal/wire"}},
	"internal/faultproxy":        {does, []string{"internal/tcp", "internal/wait"}},
	"internal/faultdisk":         {does, nil},
	"internal/generator":         {decides, []string{"."}},
	"internal/simulation":        {decides, nil},
}

// badNames are package names that say nothing of what is inside.
var badNames = []string{"util", "utils", "common", "types", "ops", "misc", "helper", "helpers", "manager", "service", "base", "lib"}

// source is one Go file that is no test.
type source struct {
	pkg  string // directory, relative to the module; "." is the root
	path string
	file *ast.File
	set  *token.FileSet
}

func (s source) lines() int { return s.set.File(s.file.Pos()).LineCount() }

// command reports whether the file belongs to a program, which may import everything.
func (s source) command() bool { return s.file.Name.Name == "main" }

func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && p != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "node_modules") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(p, ".go") || strings.HasSuffix(p, "_test.go") {
			return nil
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, p, nil, parser.ParseComments)
		all = append(all, source{filepath.ToSlash(filepath.Dir(p)), p, file, set})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func imports(f *ast.File) []string {
	var all []string
	for _, spec := range f.Imports {
		p, _ := strconv.Unquote(spec.Path.Value)
		all = append(all, p)
	}
	return all
}

// TestImportLattice compares the imports between packages with the lattice.
func TestImportLattice(t *testing.T) {
	used := map[string]map[string]bool{}
	for _, s := range sources(t) {
		if s.command() {
			continue
		}
		c, known := packages[s.pkg]
		if !known {
			t.Errorf("%s: package %s is missing in arch_test.go and docs/ARCHITECTURE.md", s.path, s.pkg)
			continue
		}
		if used[s.pkg] == nil {
			used[s.pkg] = map[string]bool{}
		}
		for _, p := range imports(s.file) {
			rest, ours := strings.CutPrefix(p+"/", "evcp/")
			to := path.Clean(rest)
			if !ours {
				continue
			}
			used[s.pkg][to] = true
			if !slices.Contains(c.imports, to) {
				t.Errorf("%s: %s may not import %s", s.path, s.pkg, to)
			}
		}
	}
	for pkg, c := range packages {
		if used[pkg] == nil {
			t.Errorf("arch_test.go names package %s, which does not exist", pkg)
		}
		for _, to := range c.imports {
			if !used[pkg][to] {
				t.Errorf("arch_test.go allows %s to import %s, which it does not", pkg, to)
			}
		}
	}
}

// TestDecidersHaveNoEffects checks that a package that decides touches nothing: no
// network, disk, clock, log or goroutine, and no package that does.
func TestDecidersHaveNoEffects(t *testing.T) {
	forbidden := func(p string) bool {
		if p == "net/netip" || p == "net/url" || p == "io/fs" { // values and errors only
			return false
		}
		for _, bad := range []string{"net", "os", "log", "syscall", "sync", "context", "database", "io/ioutil", "math/rand"} {
			if p == bad || strings.HasPrefix(p, bad+"/") {
				return true
			}
		}
		return false
	}
	clocks := []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "NewTimer", "NewTicker", "Tick"}
	for _, s := range sources(t) {
		if c, ok := packages[s.pkg]; !ok || c.kind != decides {
			continue
		}
		for _, p := range imports(s.file) {
			if forbidden(p) {
				t.Errorf("%s imports %s, but %s decides", s.path, p, s.pkg)
			}
			if c, ours := packages[strings.TrimPrefix(p, "evcp/")]; ours && c.kind != decides {
				t.Errorf("%s imports %s, which does not decide, but %s does", s.path, p, s.pkg)
			}
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				t.Errorf("%s: a goroutine in a package that decides", s.set.Position(n.Pos()))
			case *ast.SelectorExpr:
				if x, ok := n.X.(*ast.Ident); ok && x.Name == "time" && x.Obj == nil && slices.Contains(clocks, n.Sel.Name) {
					t.Errorf("%s: time.%s in a package that decides", s.set.Position(n.Pos()), n.Sel.Name)
				}
			}
			return true
		})
	}
}

// TestPackageComments checks that every package has a comment and no name that could
// stand for anything.
func TestPackageComments(t *testing.T) {
	commented := map[string]bool{}
	for _, s := range sources(t) {
		commented[s.pkg] = commented[s.pkg] || s.file.Doc.Text() != ""
		if slices.Contains(badNames, s.file.Name.Name) {
			t.Errorf("%s: a package called %s could hold anything", s.path, s.file.Name.Name)
		}
	}
	for pkg, ok := range commented {
		if !ok {
			t.Errorf("package %s has no package comment", pkg)
		}
	}
}

// TestFileSizes bounds files from above, and the number of small files of a package: a
// file that is too long holds several things, and many small ones belong together. Files of
// one operating system are as small as they need to be.
func TestFileSizes(t *testing.T) {
	const (
		longest = 400
		small   = 60
		most    = 3 // small files in one package
	)
	smallFiles := map[string][]string{}
	for _, s := range sources(t) {
		if n := s.lines(); n > longest {
			t.Errorf("%s has %d lines, more than %d: split it", s.path, n, longest)
		} else if n < small && !forOneSystem(s) && path.Base(s.path) != "doc.go" {
			smallFiles[s.pkg] = append(smallFiles[s.pkg], path.Base(s.path))
		}
	}
	for pkg, files := range smallFiles {
		if len(files) > most {
			t.Errorf("%s has %d files of under %d lines: which of %s are read together?", pkg, len(files), small, strings.Join(files, ", "))
		}
	}
}

// forOneSystem reports whether a file is built on some operating systems only.
func forOneSystem(s source) bool {
	if m, _ := path.Match("*_linux.go", path.Base(s.path)); m {
		return true
	}
	for _, group := range s.file.Comments {
		for _, c := range group.List {
			if strings.HasPrefix(c.Text, "//go:build ") {
				return true
			}
		}
	}
	return false
}

// sharedNames are the type names that several packages may declare, each with the
// reason. They mean the same thing in each.
var sharedNames = map[string]string{
	"options": "what a constructor or a program takes",
	"figures": "what a package has measured of its own work, read at one moment",
	"meter":   "the counters behind a package's Figures",
	"store":   "what keeps the values of a package, and hands them out",
	"target":  "one Engine to check, with what the package must know of it",
	"words":   "a package's table of the sentences that people read",
}

// TestOneMeaningPerTypeName checks that no two packages declare a type of one name,
// compared without case.
func TestOneMeaningPerTypeName(t *testing.T) {
	declared := map[string]map[string]bool{}
	for _, s := range sources(t) {
		for _, decl := range s.file.Decls {
			d, ok := decl.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, spec := range d.Specs {
				if ts, ok := spec.(*ast.TypeSpec); ok {
					name := strings.ToLower(ts.Name.Name)
					if declared[name] == nil {
						declared[name] = map[string]bool{}
					}
					declared[name][s.pkg] = true
				}
			}
		}
	}
	for name, in := range declared {
		if len(in) > 1 && sharedNames[name] == "" {
			t.Errorf("type %s is declared in %s", name, strings.Join(slices.Sorted(maps.Keys(in)), " and "))
		}
	}
	for name := range sharedNames {
		if len(declared[name]) < 2 {
			t.Errorf("sharedNames allows %s, which does not need it", name)
		}
	}
}

// TestTypeNames looks for type names that mean nothing.
func TestTypeNames(t *testing.T) {
	for _, s := range sources(t) {
		ast.Inspect(s.file, func(n ast.Node) bool {
			d, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			for _, bad := range []string{"Manager", "Service", "Helper"} {
				if strings.HasSuffix(d.Name.Name, bad) {
					t.Errorf("%s: type %s", s.set.Position(d.Pos()), d.Name.Name)
				}
			}
			return true
		})
	}
}

// TestArchitectureNamesEveryPackage compares docs/ARCHITECTURE.md with the tree.
func TestArchitectureNamesEveryPackage(t *testing.T) {
	text := readDoc(t, "docs/ARCHITECTURE.md")
	all := map[string]bool{}
	for _, s := range sources(t) {
		all[s.pkg] = true
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		shown := name
		if name == "." {
			shown = "evcp"
		}
		if !strings.Contains(text, "`"+shown+"`") {
			t.Errorf("docs/ARCHITECTURE.md does not name `%s`", shown)
		}
	}
}

var answerRow = regexp.MustCompile("(?m)^\\| [^|]+\\? \\| \\[([^]]+)\\]\\(\\.\\./([^)]+)\\) \\| `([A-Za-z.]+)` \\|$")

// TestArchitectureAnswersQuestions checks that each name in the table "Where to look" is
// declared in the file beside it: a function, a method as Type.Method, a type or a variable.
func TestArchitectureAnswersQuestions(t *testing.T) {
	table := section(readDoc(t, "docs/ARCHITECTURE.md"), "## Where to look")
	rows := answerRow.FindAllStringSubmatch(table, -1)
	if questions := strings.Count(table, "? |"); len(rows) != questions || questions < 5 {
		t.Fatalf("%d of %d questions have an answer that can be checked", len(rows), questions)
	}
	declared := map[string][]string{}
	for _, s := range sources(t) {
		declared[filepath.ToSlash(s.path)] = declarations(s.file)
	}
	for _, row := range rows {
		if shown, file, name := row[1], row[2], row[3]; shown != file || !slices.Contains(declared[file], name) {
			t.Errorf("%s does not declare %s", file, name)
		}
	}
}

// declarations are the names that a file declares at its top level.
func declarations(f *ast.File) []string {
	var names []string
	for _, decl := range f.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			names = append(names, receiver(d)+d.Name.Name)
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch spec := spec.(type) {
				case *ast.TypeSpec:
					names = append(names, spec.Name.Name)
				case *ast.ValueSpec:
					names = append(names, spec.Names[0].Name)
				}
			}
		}
	}
	return names
}

// receiver is "Type." for a method, "" for a function.
func receiver(d *ast.FuncDecl) string {
	if d.Recv == nil {
		return ""
	}
	expr := d.Recv.List[0].Type
	if star, ok := expr.(*ast.StarExpr); ok {
		expr = star.X
	}
	if name, ok := expr.(*ast.Ident); ok {
		return name.Name + "."
	}
	return ""
}

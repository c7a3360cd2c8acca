package evcp_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
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

// room is one package: what it may do, and whom it may know. Who is not named
// here does not exist; who is named and does not exist is an error too.
type room struct {
	kind  kind
	knows []string
}

// house is the import lattice. Data flows from the left of the design's picture
// to the right; no arrow points back.
var house = map[string]room{
	".":                        {decides, nil},
	"internal/pace":            {decides, []string{"."}},
	"internal/wire":            {decides, []string{"."}},
	"internal/advice":          {decides, []string{"."}},
	"internal/console/cell":    {decides, nil},
	"internal/display":         {decides, []string{"internal/console/cell"}},
	"internal/config":          {decides, []string{".", "internal/console/cell"}},
	"internal/console":         {does, []string{".", "internal/console/cell", "internal/display"}},
	"internal/link":            {does, []string{"."}},
	"internal/probe":           {does, []string{".", "internal/link", "internal/wire"}},
	"internal/folder":          {does, nil},
	"internal/sqlite":          {does, []string{"internal/folder"}},
	"internal/outbox":          {does, []string{".", "internal/folder", "internal/sqlite"}},
	"internal/monitor":         {does, []string{".", "internal/outbox", "internal/pace", "internal/probe", "internal/metrics"}},
	"internal/uplink":          {does, []string{".", "internal/link", "internal/outbox", "internal/pace", "internal/metrics", "internal/wire"}},
	"internal/kafka":           {does, []string{".", "internal/link", "internal/outbox", "internal/pace", "internal/wait", "internal/wire"}},
	"internal/logtext":         {decides, []string{".", "internal/advice", "internal/display"}},
	"internal/selftest":        {does, []string{".", "internal/advice", "internal/console/cell", "internal/display", "internal/kafka", "internal/link", "internal/probe", "internal/uplink", "internal/wire"}},
	"internal/watch":           {does, []string{".", "internal/console", "internal/console/cell", "internal/display", "internal/explain", "internal/kafka", "internal/link", "internal/logtext", "internal/metrics", "internal/monitor", "internal/outbox", "internal/probe", "internal/status", "internal/systemd", "internal/uplink", "internal/version", "internal/wire"}},
	"internal/engine":          {does, []string{".", "internal/wait", "internal/wire"}},
	"internal/central/cpstate": {decides, []string{".", "internal/wire"}},
	"internal/central":         {does, []string{".", "internal/central/cpstate", "internal/console", "internal/display", "internal/folder", "internal/pace", "internal/sqlite", "internal/wait", "internal/wire"}},
	"internal/dashboard":       {does, []string{".", "internal/central", "internal/central/cpstate", "internal/metrics", "internal/wait", "internal/status", "internal/version", "internal/wire"}},
	"internal/demo":            {does, []string{".", "internal/advice", "internal/central", "internal/central/cpstate", "internal/console", "internal/console/cell", "internal/dashboard", "internal/display", "internal/engine", "internal/probe", "internal/wait", "internal/watch", "internal/wire"}},
	"internal/engine/remote":   {does, []string{"internal/engine"}},
	"internal/metrics":         {does, nil},
	"internal/wait":            {does, nil},
	"internal/status":          {does, []string{"internal/metrics"}},
	"internal/systemd":         {does, []string{"internal/wait"}},
	"internal/explain":         {decides, []string{".", "internal/advice", "internal/console/cell", "internal/display"}},
	"internal/eventlog":        {does, []string{".", "internal/display", "internal/logtext", "internal/outbox", "internal/wait"}},
	"internal/cli":             {does, []string{"internal/config", "internal/console", "internal/console/cell", "internal/version"}},
	"internal/version":         {decides, nil},
	"internal/simnet":          {does, []string{"internal/wait"}},
	"internal/process":         {does, []string{"internal/wait"}},
	"internal/testbed":         {does, []string{".", "internal/central", "internal/engine", "internal/process", "internal/wait"}},
	"internal/oracle":          {decides, []string{".", "internal/wire"}},
	"internal/faultproxy":      {does, []string{"internal/wait"}},
	"internal/faultdisk":       {does, nil},
	"internal/simulation":      {decides, nil},
}

// badNames say nothing of what is inside.
var badNames = []string{"util", "utils", "common", "types", "ops", "misc", "helper", "helpers", "manager", "service", "base", "lib"}

// source is one Go file that is no test.
type source struct {
	pkg  string
	path string
	file *ast.File
	set  *token.FileSet
}

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

// TestImportLattice holds who may know whom.
func TestImportLattice(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range sources(t) {
		seen[s.pkg] = true
		if s.file.Name.Name == "main" {
			continue // main translates, and may know everybody
		}
		r, known := house[s.pkg]
		if !known {
			t.Errorf("%s: package %s has no room in the house: name it in arch_test.go and docs/ARCHITECTURE.md", s.path, s.pkg)
			continue
		}
		for _, p := range imports(s.file) {
			rest, ours := strings.CutPrefix(p+"/", "evcp/")
			to := path.Clean(rest)
			if ours && !slices.Contains(r.knows, to) {
				t.Errorf("%s: %s may not know %s", s.path, s.pkg, to)
			}
		}
	}
	for name := range house {
		if !seen[name] {
			t.Errorf("no package %s", name)
		}
	}
}

// TestDecidersAreBlindAndStill holds that a package that decides touches nothing:
// no network, no disk, no clock, no log, no goroutine.
func TestDecidersAreBlindAndStill(t *testing.T) {
	forbidden := func(p string) bool {
		if p == "net/netip" || p == "io/fs" { // values and errors, nothing that acts
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
		if r, ok := house[s.pkg]; !ok || r.kind != decides {
			continue
		}
		for _, p := range imports(s.file) {
			if forbidden(p) {
				t.Errorf("%s imports %s, but %s decides", s.path, p, s.pkg)
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

// TestTheMapNamesEveryPackage holds docs/ARCHITECTURE.md to the tree.
func TestTheMapNamesEveryPackage(t *testing.T) {
	text, err := os.ReadFile("docs/ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	rooms := map[string]bool{}
	for _, s := range sources(t) {
		rooms[s.pkg] = true
	}
	for _, name := range slices.Sorted(maps.Keys(rooms)) {
		shown := name
		if name == "." {
			shown = "evcp"
		}
		if !strings.Contains(string(text), "`"+shown+"`") {
			t.Errorf("docs/ARCHITECTURE.md does not name `%s`", shown)
		}
	}
}

// TestEveryPackageSaysWhatItIs wants a comment on each package and no name that
// could stand for anything.
func TestEveryPackageSaysWhatItIs(t *testing.T) {
	said := map[string]bool{}
	for _, s := range sources(t) {
		said[s.pkg] = said[s.pkg] || s.file.Doc.Text() != ""
		if slices.Contains(badNames, s.file.Name.Name) {
			t.Errorf("%s: a package called %s could hold anything", s.path, s.file.Name.Name)
		}
	}
	for pkg, ok := range said {
		if !ok {
			t.Errorf("package %s does not say what it is for", pkg)
		}
	}
}

// TestHumanSizes asks which noun hides in a file that grew too long.
func TestHumanSizes(t *testing.T) {
	const lines = 400
	for _, s := range sources(t) {
		if n := s.set.File(s.file.Pos()).LineCount(); n > lines {
			t.Errorf("%s has %d lines: which noun hides in it?", s.path, n)
		}
	}
}

// TestNoNameAttics looks for type names that mean nothing.
func TestNoNameAttics(t *testing.T) {
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

package evcp_test

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/constant"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"unicode"

	"evcp/internal/language"
)

// sentenceTables are the variables and constants whose texts are sentences for people, by
// package, besides each package's table of words. Keys of maps are none.
var sentenceTables = map[string][]string{
	"internal/advice":  {"english", "monitorCauses", "remotes", "KafkaRefusals", "KafkaLinks", "withoutTLS", "leaveOutTLS", "noReason", "thisID", "forEvents", "inTimeout", "notJudged", "advertised", "inFleet"},
	"internal/alert":   {"words", "unwatched", "findMonitor", "oneFaulted", "oneDisconnected"},
	"internal/cli":     {"fileWords"},
	"internal/demo":    {"defaultScript"},
	"internal/explain": {"NoCheckYet", "StandsStill", "DiskTrouble", "LogHeld"},
	"internal/outbox":  {"OtherInstance"},
	"internal/engine":  {"behaviours"},
}

// translators are the functions that say a constant text in a person's language, each with
// how many of its arguments are texts. Those of a Logger say it at a terminal, through the
// console.
var translators = map[string]func(call string, n int) bool{
	"Text":          first,
	"Sprintf":       func(call string, n int) bool { return n == 0 && !strings.HasPrefix(call, "fmt.") },
	"Errorf":        func(call string, n int) bool { return n == 0 && call == "language.Errorf" },
	"New":           func(call string, n int) bool { return n == 0 && call == "language.New" },
	"NewPlural":     func(_ string, n int) bool { return n < 2 },
	"Rendered":      func(_ string, n int) bool { return n > 0 },
	"Settings":      first,
	"ShownSettings": first,
	"FileFlag":      func(_ string, n int) bool { return n < 2 },
	"logf":          func(_ string, n int) bool { return n == 2 },
	"command":       func(_ string, n int) bool { return n == 2 },
	"warnLimited":   first,
	"say":           first,
	"Info":          first,
	"Warn":          first,
	"Error":         first,
}

func first(_ string, n int) bool { return n == 0 }

// forMachines are packages with log lines that no terminal shows in words, or with
// functions that only have a translator's name.
var forMachines = []string{"internal/kafka", "internal/testbed", "internal/simnet", "faults", "bench", "internal/language"}

// helpFields are the fields of a program's table that --help shows.
var helpFields = []string{"About", "Help", "DefaultText", "Group", "Notes", "Arg", "Args"}

// sentences are the texts in the code that a person may read in each language, with where
// they stand. all are the texts of every kind.
func sentences(t *testing.T) (translated map[string]string, all map[string]bool) {
	t.Helper()
	translated, all = map[string]string{}, map[string]bool{}
	byPackage := map[string][]source{}
	for _, s := range sources(t) {
		byPackage[s.pkg] = append(byPackage[s.pkg], s)
	}
	delete(byPackage, "internal/language") // the catalogue itself
	for pkg, files := range byPackage {
		f := finder{pkg: pkg, constants: constantsOf(files), translated: translated, all: all}
		for _, s := range files {
			f.source = s
			f.walk()
		}
	}
	return translated, all
}

// finder collects the sentences of one package.
type finder struct {
	source
	constants  map[string]string // by name; of one name in two functions the texts are joined with \x00
	translated map[string]string
	all        map[string]bool
	pkg        string
}

// constantsOf are the string constants of a package, also those of its functions.
func constantsOf(files []source) map[string]string {
	texts := map[string]string{}
	for range 2 { // a constant may be made of others
		for _, s := range files {
			ast.Inspect(s.file, func(n ast.Node) bool {
				spec, ok := n.(*ast.ValueSpec)
				for i := 0; ok && i < min(len(spec.Names), len(spec.Values)); i++ {
					if text, ok := textOf(spec.Values[i], texts); ok {
						texts[spec.Names[i].Name] = text
					}
				}
				return true
			})
		}
	}
	return texts
}

// textOf is the value of a constant expression of texts.
func textOf(e ast.Expr, constants map[string]string) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind == token.STRING {
			return constant.StringVal(constant.MakeFromLiteral(e.Value, e.Kind, 0)), true
		}
	case *ast.Ident:
		text, ok := constants[e.Name]
		return text, ok
	case *ast.ParenExpr:
		return textOf(e.X, constants)
	case *ast.BinaryExpr:
		a, okA := textOf(e.X, constants)
		b, okB := textOf(e.Y, constants)
		return a + b, okA && okB && e.Op == token.ADD
	}
	return "", false
}

func (f finder) walk() {
	tables := sentenceTables[f.pkg]
	ast.Inspect(f.file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BasicLit:
			if text, ok := textOf(n, nil); ok {
				f.all[text] = true
			}
		case *ast.BinaryExpr:
			if text, ok := textOf(n, f.constants); ok {
				f.all[text] = true
			}
		case *ast.ValueSpec:
			for i, value := range n.Values {
				if name := n.Names[i].Name; slices.Contains(tables, name) || isWords(value) || f.pkg == "internal/config" && isPhrase(name) {
					f.addAll(value)
				}
			}
		case *ast.CallExpr:
			f.call(n)
		case *ast.KeyValueExpr:
			if key, ok := n.Key.(*ast.Ident); ok && slices.Contains(helpFields, key.Name) && f.hasHelp() {
				if text, _ := textOf(n.Value, nil); key.Name == "Args" && !strings.Contains(text, "[") {
					break // a command as it is typed
				}
				f.addAll(n.Value)
			}
		}
		return true
	})
}

// hasHelp reports whether the file makes rows of a program's table.
func (f finder) hasHelp() bool {
	return f.command() || f.pkg == "internal/cli" || f.pkg == "internal/config"
}

func isWords(e ast.Expr) bool {
	literal, ok := e.(*ast.CompositeLit)
	if !ok {
		return false
	}
	name, ok := literal.Type.(*ast.Ident)
	return ok && name.Name == "words"
}

// isPhrase reports whether a constant of internal/config is a text for people.
func isPhrase(name string) bool {
	for _, kind := range []string{"reason", "phrase", "word"} {
		if rest, ok := strings.CutPrefix(name, kind); ok && rest != "" && unicode.IsUpper(rune(rest[0])) {
			return true
		}
	}
	return false
}

func (f finder) call(n *ast.CallExpr) {
	if slices.Contains(forMachines, f.pkg) {
		return
	}
	name, call := "", ""
	switch fun := n.Fun.(type) {
	case *ast.Ident:
		name, call = fun.Name, fun.Name
	case *ast.SelectorExpr:
		name, call = fun.Sel.Name, fun.Sel.Name
		if x, ok := fun.X.(*ast.Ident); ok {
			call = x.Name + "." + call
		}
	}
	isText, ok := translators[name]
	for i := 0; ok && i < len(n.Args); i++ {
		if isText(call, i) {
			f.add(n.Args[i])
		}
	}
}

// addAll adds every text in e that is no key of a map; of a KafkaRefusal not the error that it
// is about.
func (f finder) addAll(e ast.Expr) {
	if _, ok := textOf(e, f.constants); ok {
		f.add(e)
		return
	}
	switch e := e.(type) {
	case *ast.CompositeLit:
		for i, inner := range e.Elts {
			if len(e.Elts) == 3 && i == 0 && e.Type == nil && strings.HasSuffix(f.path, "advice.go") && f.inRefusals(e) {
				continue
			}
			f.addAll(inner)
		}
	case *ast.KeyValueExpr:
		if name, ok := e.Key.(*ast.Ident); !ok || name.Name != "name" {
			f.addAll(e.Value)
		}
	case *ast.CallExpr:
		for _, inner := range e.Args {
			if id, ok := e.Fun.(*ast.SelectorExpr); ok && id.Sel.Name == "NewPlural" {
				f.addAll(inner)
			}
		}
	case *ast.UnaryExpr:
		f.addAll(e.X)
	}
}

// inRefusals reports whether a row is one of KafkaRefusals or KafkaLinks.
func (f finder) inRefusals(row *ast.CompositeLit) bool {
	for _, decl := range f.file.Decls {
		d, ok := decl.(*ast.GenDecl)
		if ok && d.Pos() < row.Pos() && row.Pos() < d.End() {
			spec, ok := d.Specs[0].(*ast.ValueSpec)
			return ok && slices.Contains([]string{"KafkaRefusals", "KafkaLinks"}, spec.Names[0].Name)
		}
	}
	return false
}

func (f finder) add(e ast.Expr) {
	text, ok := textOf(e, f.constants)
	if ok && isSentence(text) {
		f.translated[text] = f.set.Position(e.Pos()).String()
		f.all[text] = true
	}
}

var verb = regexp.MustCompile(`%(\[\d+\])?[-+# 0]*(\*|\d+)?(\.\d+)?([a-zA-Z%])`)

// isSentence reports whether a text has words beside its verbs. Paths are none, and
// neither are a lone flag or address.
func isSentence(text string) bool {
	rest := verb.ReplaceAllString(text, "")
	for word := range strings.FieldsSeq(rest) {
		if strings.ContainsFunc(word, unicode.IsLetter) && !strings.ContainsAny(word, "/") && (strings.Contains(rest, " ") || !strings.ContainsAny(word, ":-")) {
			return true
		}
	}
	return false
}

// verbs are the verbs of a format, in the order of the arguments they print.
func verbs(format string) []string {
	byArgument := map[int][]string{}
	next := 1
	for _, m := range verb.FindAllStringSubmatch(format, -1) {
		if m[4] == "%" {
			continue
		}
		if m[1] != "" {
			next, _ = strconv.Atoi(strings.Trim(m[1], "[]"))
		}
		byArgument[next] = append(byArgument[next], m[4])
		next++
	}
	var all []string
	for _, i := range slices.Sorted(maps.Keys(byArgument)) {
		slices.Sort(byArgument[i])
		all = append(all, fmt.Sprint(i, slices.Compact(byArgument[i])))
	}
	return all
}

var placeholder = regexp.MustCompile(`\{[a-z]+\}`)

// TestEverySentenceIsSpanishToo compares the sentences in the code with the catalogue: none
// is missing, none is there for nobody, and each has the verbs and placeholders of its
// English.
func TestEverySentenceIsSpanishToo(t *testing.T) {
	translated, all := sentences(t)
	catalogue := map[string]string{}
	for english, spanish := range language.Catalogue() {
		if _, twice := catalogue[english]; twice {
			t.Errorf("%q stands twice in the catalogue", english)
		}
		catalogue[english] = spanish
	}
	if len(translated) < 300 {
		t.Fatalf("only %d sentences were found", len(translated))
	}
	for _, english := range slices.SortedFunc(maps.Keys(translated), func(a, b string) int {
		return cmp.Or(cmp.Compare(translated[a], translated[b]), cmp.Compare(a, b))
	}) {
		if _, ok := catalogue[english]; !ok {
			t.Errorf("%s: no Spanish for\n\t%s", translated[english], strconv.Quote(english))
		}
	}
	for english, spanish := range catalogue {
		if !all[english] && !isSystemError(english) {
			t.Errorf("the catalogue has Spanish for %q, which nothing says", english)
		}
		if a, b := verbs(english), verbs(spanish); !slices.Equal(a, b) {
			t.Errorf("%q prints %v, and in Spanish %v", english, a, b)
		}
		a, b := placeholder.FindAllString(english, -1), placeholder.FindAllString(spanish, -1)
		slices.Sort(a)
		slices.Sort(b)
		if !slices.Equal(slices.Compact(a), slices.Compact(b)) {
			t.Errorf("%q has %v, and in Spanish %v", english, a, b)
		}
	}
}

// isSystemError reports whether a text is what the system calls an error.
func isSystemError(text string) bool {
	if text == os.ErrPermission.Error() || text == os.ErrNotExist.Error() {
		return true
	}
	for n := syscall.Errno(1); n < 200; n++ {
		if n.Error() == text {
			return true
		}
	}
	return false
}

var valueMark = regexp.MustCompile(`\{\d+\}`)

// TestEveryCodeHasWords: each code of an error stands in the one table of their texts, in both
// languages with the same values, and none is there for nobody.
func TestEveryCodeHasWords(t *testing.T) {
	used := map[string]string{language.ListCode: "language"}
	for _, s := range sources(t) {
		ast.Inspect(s.file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			if fun, ok := call.Fun.(*ast.SelectorExpr); ok && fun.Sel.Name == "Coded" && len(call.Args) > 0 {
				at := s.set.Position(call.Pos()).String()
				if code, found := textOf(call.Args[0], nil); found {
					used[code] = at
				} else if arg, ok := call.Args[0].(*ast.SelectorExpr); (!ok || arg.Sel.Name != "ListCode") && s.pkg != "internal/status" {
					t.Errorf("%s: the code is no constant text", at)
				}
			}
			return true
		})
	}
	page := regexp.MustCompile(`'urn:evcp:problem:(\w+)'`)
	scripts, err := filepath.Glob("internal/dashboard/web/js/*.js")
	if err != nil {
		t.Fatal(err)
	}
	for _, script := range append(scripts, "internal/status/api.go") {
		text, err := os.ReadFile(script)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range page.FindAllStringSubmatch(string(text), -1) {
			used[m[1]] = script
		}
	}
	texts := maps.Collect(language.CodedTexts())
	for code, at := range used {
		if _, ok := texts[code]; !ok {
			t.Errorf("%s: there is no text for the code %q", at, code)
		}
	}
	for code, both := range texts {
		a, b := valueMark.FindAllString(both[0], -1), valueMark.FindAllString(both[1], -1)
		slices.Sort(a)
		slices.Sort(b)
		if !slices.Equal(a, b) || code != language.ListCode && (both[0] == "" || both[1] == "") {
			t.Errorf("%s: %q", code, both)
		}
		if used[code] == "" {
			t.Errorf("nothing says %q: %q", code, both)
		}
	}
}

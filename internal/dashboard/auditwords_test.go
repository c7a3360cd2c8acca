package dashboard

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"evcp/internal/audit"
	"evcp/internal/language"
)

// pageWords are the texts of the page by their keys: English and Spanish.
func pageWords(t *testing.T) map[string][2]string {
	t.Helper()
	files, err := filepath.Glob("web/js/words*.js")
	if err != nil || len(files) < 2 {
		t.Fatalf("%v, %v", files, err)
	}
	entry := regexp.MustCompile(`(?m)(?:^|[ {])'?([A-Za-z][\w: .%-]*)'?: \['((?:[^'\\]|\\.)*)', '((?:[^'\\]|\\.)*)'\]`)
	words := map[string][2]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range entry.FindAllStringSubmatch(string(text), -1) {
			words[m[1]] = [2]string{m[2], m[3]}
		}
	}
	return words
}

// TestEveryLineOfTheAuditLogHasWords: whatever was done, and whatever proves a name, the page says
// in both languages.
func TestEveryLineOfTheAuditLogHasWords(t *testing.T) {
	words := pageWords(t)
	check := func(key string) {
		t.Helper()
		if w := words[key]; w[0] == "" || w[1] == "" || w[0] == key {
			t.Errorf("the page has no words for %s: %q", key, w)
		}
	}
	for a := audit.ChangeAction(1); a <= audit.LastChangeAction; a++ {
		check("did_" + a.String())
	}
	kinds := 0
	file, err := parser.ParseFile(token.NewFileSet(), "../audit/file.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if name, ok := spec.Type.(*ast.Ident); ok && name.Name == "ActorKind" {
			kind, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			kinds++
			check("by_" + kind)
		}
		return true
	})
	if kinds < 7 {
		t.Errorf("%d kinds of actors were found", kinds)
	}
}

// TestRefusalsHaveTheSameWords: the page says each problem by its code, in the words that the programs
// have at a terminal. UPDATE_WORDS=1 writes its file anew.
func TestRefusalsHaveTheSameWords(t *testing.T) {
	var text strings.Builder
	text.WriteString("// What Central refuses, by the code of the problem, in the words of internal/language/codedtexts.go: made by\n" +
		"// UPDATE_WORDS=1 go test ./internal/dashboard -run RefusalsHaveTheSameWords\n// @ts-check\n\n/** @type {Record<string, [string, string]>} */\nexport const PROBLEMS = {\n")
	all := maps.Collect(language.CodedTexts())
	delete(all, language.ListCode) // it has no words of its own
	quote := strings.NewReplacer(`\`, `\\`, `'`, `\'`)
	for _, code := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&text, "  e_%s: ['%s', '%s'],\n", code, quote.Replace(all[code][0]), quote.Replace(all[code][1]))
	}
	text.WriteString("};\n")
	const file = "web/js/words-problems.js"
	if os.Getenv("UPDATE_WORDS") != "" {
		if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != text.String() {
		t.Errorf("%v: the words of the page are not those of the programs: make the file anew", err)
	}
}

package dashboard

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"evcp/internal/audit"
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

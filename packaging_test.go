package evcp_test

import (
	"encoding/json"
	"go/ast"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

const (
	rulesFile     = "packaging/prometheus/ev-cp-m.rules.yml"
	dashboardFile = "packaging/grafana/ev-cp-m.json"
)

// exportedMetrics are the names that the programs write, with what Prometheus makes of a
// histogram.
func exportedMetrics(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for _, s := range sources(t) {
		ast.Inspect(s.file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) == 0 {
				return true
			}
			f, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || !slices.Contains([]string{"Counter", "Gauge", "Histogram"}, f.Sel.Name) {
				return true
			}
			name, ok := textOf(call.Args[0], nil)
			if !ok {
				return true
			}
			names[name] = true
			if f.Sel.Name == "Histogram" {
				names[name+"_bucket"], names[name+"_sum"], names[name+"_count"] = true, true, true
			}
			return true
		})
	}
	return names
}

// alertRule is one alert of the rules.
type alertRule struct {
	Alert, Expr string
	Labels      struct{ Severity string }
	Annotations struct{ Summary string }
}

func alertRules(t *testing.T) (rules []alertRule) {
	t.Helper()
	text, err := os.ReadFile(rulesFile)
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Groups []struct{ Rules []alertRule } }
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	for _, g := range file.Groups {
		rules = append(rules, g.Rules...)
	}
	return rules
}

// dashboardQueries are the queries of the dashboard, those of its variables too.
func dashboardQueries(t *testing.T) (queries []string) {
	t.Helper()
	text, err := os.ReadFile(dashboardFile)
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		Panels     []struct{ Targets []struct{ Expr string } }
		Templating struct{ List []struct{ Definition string } }
	}
	if err := json.Unmarshal(text, &board); err != nil {
		t.Fatal(err)
	}
	for _, p := range board.Panels {
		for _, q := range p.Targets {
			queries = append(queries, q.Expr)
		}
	}
	for _, v := range board.Templating.List {
		queries = append(queries, v.Definition)
	}
	return queries
}

// TestMetricsOfThePackages: each metric that the alerts and the dashboard name is one that a
// program exports.
func TestMetricsOfThePackages(t *testing.T) {
	exported := exportedMetrics(t)
	queries, named := dashboardQueries(t), 0
	for _, r := range alertRules(t) {
		queries = append(queries, r.Expr)
	}
	for _, q := range queries {
		for _, name := range regexp.MustCompile(`\b(?:evcp|evcentral|process)_[a-z_]+`).FindAllString(q, -1) {
			named++
			if !exported[name] {
				t.Errorf("no program exports %s: %s", name, q)
			}
		}
	}
	if named < 40 || len(exported) < 40 {
		t.Errorf("%d names in %d queries, of %d metrics", named, len(queries), len(exported))
	}
}

// TestEachAlertHasARunbook: docs/OPERATIONS.md says for each alert what to do, and for no
// other.
func TestEachAlertHasARunbook(t *testing.T) {
	page, err := os.ReadFile("docs/OPERATIONS.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "\n### Alerts\n")
	table, _, _ = strings.Cut(table, "\n## ")
	var listed, alerts []string
	for _, m := range regexp.MustCompile("(?m)^\\| `(EVCP[A-Za-z]+)` \\|[^|]{10,}\\|[^|]{10,}\\|$").FindAllStringSubmatch(table, -1) {
		listed = append(listed, m[1])
	}
	for _, r := range alertRules(t) {
		alerts = append(alerts, r.Alert)
		if !slices.Contains([]string{"info", "warning", "critical"}, r.Labels.Severity) || r.Annotations.Summary == "" {
			t.Errorf("%s has the severity %q and the summary %q", r.Alert, r.Labels.Severity, r.Annotations.Summary)
		}
	}
	if !slices.Equal(listed, alerts) {
		t.Errorf("the page has %v, the rules %v", listed, alerts)
	}
}

package dashboard

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// Contrast of every pair of colours that the page puts on each other, light and dark:
// text needs 4.5, shapes and edges 3 (WCAG 2.2 AA).
func TestContrast(t *testing.T) {
	colours := tokens(t)
	pairs := map[[2]string]float64{
		{"on-inverse", "inverse"}: 4.5, {"on-inverse-2", "inverse"}: 4.5, {"on-term", "term"}: 4.5,
		{"line-strong", "surface"}: 3, {"line-strong", "paper"}: 3,
	}
	for _, ink := range []string{"ink", "ink-2", "ink-3"} {
		for _, ground := range []string{"surface", "paper", "well"} {
			pairs[[2]string{ink, ground}] = 4.5
		}
	}
	for _, state := range []string{"act", "flt", "dis", "mnt"} {
		wash := state + "-wash"
		for _, ground := range []string{"surface", "paper", wash} {
			pairs[[2]string{state + "-ink", ground}] = 4.5
		}
		pairs[[2]string{state + "-on", state + "-solid"}] = 4.5
		pairs[[2]string{state + "-solid", "surface"}] = 3
		pairs[[2]string{state + "-solid", wash}] = 3
		for _, ink := range []string{"ink", "ink-2", "ink-3"} {
			pairs[[2]string{ink, wash}] = 4.5
		}
	}
	for pair, least := range pairs {
		for theme := range 2 {
			over, under := colours[pair[0]], colours[pair[1]]
			if got := contrast(over[theme], under[theme]); math.IsNaN(got) || got < least {
				t.Errorf("--%s on --%s is %.2f in theme %d (0 light, 1 dark), needs %.1f", pair[0], pair[1], got, theme, least)
			}
		}
	}
}

// tokens reads --name: light-dark(#rrggbb, #rrggbb) from the style sheet.
func tokens(t *testing.T) map[string][2]string {
	t.Helper()
	css, err := web.ReadFile("web/css/tokens.css")
	if err != nil {
		t.Fatal(err)
	}
	plain, _, _ := strings.Cut(string(css), "@media (prefers-contrast")
	found := map[string][2]string{}
	for _, m := range regexp.MustCompile(`--([\w-]+):\s*light-dark\((#\w{6}),\s*(#\w{6})\)`).FindAllStringSubmatch(plain, -1) {
		found[m[1]] = [2]string{m[2], m[3]}
	}
	if len(found) < 30 {
		t.Fatalf("only %d colours found", len(found))
	}
	return found
}

func contrast(a, b string) float64 {
	x, y := luminance(a), luminance(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

// luminance is the relative luminance of #rrggbb; an unknown colour has none.
func luminance(hex string) float64 {
	sum := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		if len(hex) != 7 {
			return math.NaN()
		}
		n, err := strconv.ParseUint(hex[1+2*i:3+2*i], 16, 8)
		if err != nil {
			return math.NaN()
		}
		v := float64(n) / 255
		if v <= 0.04045 {
			v /= 12.92
		} else {
			v = math.Pow((v+0.055)/1.055, 2.4)
		}
		sum += weight * v
	}
	return sum
}

package idrange

import (
	"fmt"
	"testing"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"CP_[001-012]":        "12: CP_001 … CP_012",
		"CP_[0001-10000]":     "10000: CP_0001 … CP_10000",
		"CP_[8-11]":           "4: CP_8 … CP_11",
		"10.0.1.[11-22]:5001": "12: 10.0.1.11:5001 … 10.0.1.22:5001",
		"[7-7]":               "1: 7 … 7",
		"CP_001":              "1: CP_001 … CP_001",
		"[::1]:[5001-5003]":   "3: [::1]:5001 … [::1]:5003",
		"[fd00::[8-9]]:5001":  "2: [fd00::8]:5001 … [fd00::9]:5001",
		"[::1]:5001":          "1: [::1]:5001 … [::1]:5001",
	} {
		r, err := Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := fmt.Sprintf("%d: %s … %s", r.Count(), r.At(0), r.At(r.Count()-1)); got != want {
			t.Errorf("%s is %s, want %s", text, got, want)
		}
		for _, i := range []int{0, r.Count() / 2, r.Count() - 1} {
			if !r.Contains(r.At(i)) {
				t.Errorf("%s does not contain %s", text, r.At(i))
			}
		}
	}
}

func TestContains(t *testing.T) {
	r, err := Parse("CP_[008-012]x")
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"CP_007x", "CP_013x", "CP_8x", "CP_0008x", "CP_+09x", "CP_009", "009x", ""} {
		if r.Contains(text) {
			t.Errorf("it contains %q", text)
		}
	}
}

func TestErrors(t *testing.T) {
	for text, want := range map[string]string{
		"CP_[1-2]_[1-2]":       "one range is allowed, and there are more",
		"CP_[9-1]":             "a range goes from the lower number to the higher",
		"CP_[0001-9]":          "the last number of a range has no fewer digits than the first, as in [001-012]",
		"CP_[1-100001]":        "a range has at most 100000 numbers",
		"CP_[1-2":              "a range is written as [001-012]",
		"CP_[a-b]":             "a range is written as [001-012]",
		"CP_[1-2]]":            "a range is written as [001-012]",
		"[0-9999999999999999]": "a range has at most 100000 numbers",
	} {
		if _, err := Parse(text); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{"CP_[0001-10000]", "[1-2]", "[-]", "x", "[000000000000000001-2]"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := Parse(text)
		if err != nil {
			return
		}
		for _, i := range []int{0, r.Count() - 1} {
			if !r.Contains(r.At(i)) {
				t.Errorf("%q does not contain its number %d, %q", text, i, r.At(i))
			}
		}
	})
}

package config

import "strings"

// maxGuess bounds the text that is compared: nobody mistypes a name this long,
// and the comparison costs the product of both lengths.
const maxGuess = 64

// nearest finds the name that was probably meant: about a third of the letters
// may be wrong. The first of several equally near ones; "" if none is near.
func nearest(typed string, names []string) string {
	typed = strings.ToLower(strings.ReplaceAll(typed, "_", "-"))
	if typed == "" || len(typed) > maxGuess {
		return ""
	}
	best, limit := "", (len(typed)+2)/3
	for _, name := range names {
		if d := distance(typed, strings.ReplaceAll(name, "_", "-")); d <= limit {
			best, limit = name, d-1
		}
	}
	return best
}

// distance counts the edits between a and b: a byte more, less or other, or two
// neighbours swapped (optimal string alignment; "prot" is one from "port").
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+unequal(a[i-1], b[j-1]))
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

func unequal(a, b byte) int {
	if a == b {
		return 0
	}
	return 1
}

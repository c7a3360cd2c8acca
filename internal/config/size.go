package config

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// sizeUnits are tried in this order, so the longer names come first.
var sizeUnits = []struct {
	name  string
	bytes int64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1},
}

// ByteSize takes a size with its unit ("64MiB"), in bytes, at least least.
func ByteSize(to *int64, least int64) func(string) error {
	return func(s string) error {
		n, ok := parseSize(s)
		switch {
		case !ok:
			return errors.New(reasonSize)
		case n < least:
			return fmt.Errorf(reasonLeast, sizeText(least))
		}
		*to = n
		return nil
	}
}

// parseSize reads a whole number and a unit. Without a unit only 0 is clear.
func parseSize(s string) (int64, bool) {
	if s == "0" {
		return 0, true
	}
	for _, u := range sizeUnits {
		if number, ok := strings.CutSuffix(s, u.name); ok {
			n, err := strconv.ParseUint(strings.TrimRight(number, " "), 10, 63)
			return int64(n) * u.bytes, err == nil && int64(n) <= math.MaxInt64/u.bytes
		}
	}
	return 0, false
}

// sizeText writes n in the largest binary unit that divides it.
func sizeText(n int64) string {
	for i := 3; i >= 0; i-- {
		if u := sizeUnits[i]; n >= u.bytes && n%u.bytes == 0 {
			return fmt.Sprintf("%d%s", n/u.bytes, u.name)
		}
	}
	return fmt.Sprintf("%dB", n)
}

package console

import "fmt"

// Counted is a phrase with its number in it.
type Counted struct{ one, many string }

// Count makes a phrase for one and one for any other number; each has a %d.
func Count(one, many string) Counted { return Counted{one, many} }

// Of is the phrase for n, and for what else it names.
func (c Counted) Of(n int64, more ...any) string {
	phrase := c.many
	if n == 1 {
		phrase = c.one
	}
	return fmt.Sprintf(phrase, append([]any{n}, more...)...)
}

package language

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"strconv"
	"strings"
)

// CodedError is an error that a person reads, and that readers with words of their own, such as
// Central's page, know by its code. Its text in each language stands in one table, by code.
type CodedError struct {
	Code string
	Args []any // what its text names: texts, numbers and errors
}

// Coded is Errorf for an error with a code. {0} in its text is the first of args. Each code is a
// constant text in the call (a test checks that the table has it).
func Coded(code string, args ...any) *CodedError { return &CodedError{code, args} }

// Error is the error in English.
func (e *CodedError) Error() string { return e.In(English) }

// In is the error in l.
func (e *CodedError) In(l Language) string {
	said := make([]string, 0, 2*len(e.Args))
	var all []string
	for i, a := range e.Args {
		text := fmt.Sprint(a)
		if err, ok := a.(error); ok {
			text = l.Error(err)
		}
		said = append(said, "{"+strconv.Itoa(i)+"}", text)
		all = append(all, text)
	}
	if e.Code == ListCode {
		return strings.Join(all, "; ")
	}
	return strings.NewReplacer(said...).Replace(codedTexts[e.Code][l])
}

// Unwrap are the errors that the text names.
func (e *CodedError) Unwrap() (all []error) {
	for _, a := range e.Args {
		if err, ok := a.(error); ok {
			all = append(all, err)
		}
	}
	return all
}

// ListCode is the code of several errors in one: their texts, with semicolons between.
const ListCode = "list"

// CodeOf is the CodedError that an error is, or wraps.
func CodeOf(err error) (c *CodedError, ok bool) {
	ok = errors.As(err, &c)
	return c, ok
}

// IsCode reports whether there is a text for a code.
func IsCode(code string) bool { _, ok := codedTexts[code]; return ok }

// CodedTexts yields each code with its text in English and in Spanish.
func CodedTexts() iter.Seq2[string, [2]string] { return maps.All(codedTexts) }

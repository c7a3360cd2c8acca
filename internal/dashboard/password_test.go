package dashboard

import (
	"net/http"
	"testing"
)

// TestPasswordIsChanged: everybody changes his own password, if he says the old one, and stays
// signed in where he did it, and there alone. An operator gives others a new one.
func TestPasswordIsChanged(t *testing.T) {
	s := startPeopleSite(t, AccessRules{}, false)
	ana, ben, elsewhere := s.signIn("ana"), s.signIn("ben"), s.signIn("ben")
	put := func(by *visitor, name, body string, want int) {
		t.Helper()
		if a := by.ask(http.MethodPut, "api/v1/users/"+name+"/password", body); a.code != want {
			t.Errorf("%s %s: %d, want %d: %s", name, body, a.code, want, a.body)
		}
	}
	reads := func(v *visitor, want int) {
		t.Helper()
		if a := v.ask(http.MethodGet, "api/v1/audit", ""); a.code != want {
			t.Errorf("it is answered %d, want %d", a.code, want)
		}
	}
	signsIn := func(name, password string, want int) {
		t.Helper()
		if a := (&visitor{t: t, url: s.url}).ask(http.MethodPost, "api/v1/session", `{"name":"`+name+`","password":"`+password+`"}`); a.code != want {
			t.Errorf("%s signs in: %d, want %d", name, a.code, want)
		}
	}
	const second, third = "the second password", "the third password"
	put(ben, "ben", `{"password":"`+second+`"}`, http.StatusForbidden)
	put(ben, "ben", `{"password":"`+second+`","current":"wrong"}`, http.StatusForbidden)
	put(ben, "ana", `{"password":"`+second+`","current":"`+testPassword+`"}`, http.StatusForbidden)
	put(ben, "BEN", `{"password":"short","current":"`+testPassword+`"}`, http.StatusBadRequest)
	reads(elsewhere, http.StatusOK)
	put(ben, "BEN", `{"password":"`+second+`","current":"`+testPassword+`"}`, http.StatusNoContent)
	reads(ben, http.StatusOK)
	reads(elsewhere, http.StatusUnauthorized)
	signsIn("ben", testPassword, http.StatusUnauthorized)
	signsIn("ben", second, http.StatusOK)
	put(ana, "ana", `{"password":"`+second+`"}`, http.StatusForbidden) // an operator's own is his own
	put(ana, "ben", `{"password":"`+third+`"}`, http.StatusNoContent)
	put(ana, "eve", `{"password":"`+third+`"}`, http.StatusNotFound)
	reads(ben, http.StatusUnauthorized)
	reads(ana, http.StatusOK)
	signsIn("ben", third, http.StatusOK)
	s.board.Close() // and it is kept
	s.open(t, s.dir)
	if _, err := s.accounts.SignIn(t.Context(), "ben", third, peerOf(&http.Request{RemoteAddr: "127.0.0.1:1"}), ""); err != nil {
		t.Error(err)
	}
	set := 0
	for _, l := range s.lines(t) {
		if l == "set_password ben by user ben" || l == "set_password ben by user ana" {
			set++
		}
	}
	if set != 2 {
		t.Errorf("the audit log has %d changes of passwords: %q", set, s.lines(t))
	}
}

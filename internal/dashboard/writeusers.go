package dashboard

import (
	"cmp"
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"

	"evcp/internal/accounts"
	"evcp/internal/audit"
	"evcp/internal/language"
	"evcp/internal/status"
)

const (
	usersPath    = "/api/v1/users"
	userPath     = usersPath + "/{name}"
	passwordPath = userPath + "/password"
)

// userJSON is a user, without the password.
type userJSON struct {
	Name string  `json:"name"`
	Role string  `json:"role"`
	Made rfcTime `json:"made"`
}

// usersJSON are all users.
type usersJSON struct {
	Users []userJSON `json:"users"`
}

func (d *Dashboard) serveUsers(w http.ResponseWriter, r *http.Request) {
	if c := by(r); c.role != accounts.Operator {
		code := http.StatusForbidden
		if c.role == "" {
			code = http.StatusUnauthorized
		}
		refuse(w, code, language.Coded("operator_reads"))
		return
	}
	all := usersJSON{[]userJSON{}}
	for _, u := range d.accounts.Users() {
		all.Users = append(all.Users, userJSON{u.Name, string(u.Role), rfcTime(u.Made)})
	}
	status.WriteJSON(w, all)
}

// newUserJSON is the body of a new user.
type newUserJSON struct {
	Name     string `json:"name"`
	Password string `json:"password"`
	Role     string `json:"role,omitempty"` // may be left out with the first token: operator
}

// addUser adds a user. With the first token there is only one that can be made, and who made it
// is signed in as that user.
func (d *Dashboard) addUser(w http.ResponseWriter, r *http.Request) {
	c := by(r)
	if c.role != accounts.Operator && c.role != accounts.Setup {
		refuse(w, http.StatusForbidden, operatorNeeded(c))
		return
	}
	var in newUserJSON
	if _, ok := readBody(w, r, &in); !ok {
		return
	}
	if c.role == accounts.Setup {
		in.Role = cmp.Or(in.Role, string(accounts.Operator)) // the first user can be nothing else
	}
	role, err := accounts.ParseRole(in.Role)
	if err == nil {
		err = accounts.ParseName(in.Name)
	}
	var hash accounts.PasswordHash
	if err == nil {
		hash, err = accounts.HashPassword(r.Context(), in.Name, in.Password)
	}
	if err != nil {
		writeFailure(w, err)
		return
	}
	body := []byte(in.Name + " " + in.Role) // the hash of a password that is kept is argon2id's, no other
	answer, ok := d.commit(w, r, body, http.StatusCreated, func(change *audit.BoardChange) (any, error) {
		if c.role == accounts.Setup && len(d.accounts.Users()) > 0 {
			return nil, accounts.ErrFirstOnly
		}
		u, err := d.accounts.AddUser(change, in.Name, role, hash)
		return userJSON{u.Name, string(u.Role), rfcTime(u.Made)}, err
	})
	if !ok {
		return
	}
	if c.role == accounts.Setup {
		session, err := d.accounts.Begin(audit.Actor{Name: in.Name, Kind: audit.BySetup, Peer: c.Peer}, c.cookie)
		if err != nil {
			writeFailure(w, err)
			return
		}
		setCookie(w, r, session.Secret)
	}
	writeAnswer(w, answer)
}

func (d *Dashboard) removeUser(w http.ResponseWriter, r *http.Request) {
	d.change(w, r, nil, http.StatusNoContent, func(c *audit.BoardChange) (any, error) {
		return nil, d.accounts.RemoveUser(c, r.PathValue("name"))
	})
}

// setPasswordJSON is the body of a new password.
type setPasswordJSON struct {
	Password string `json:"password"`
	Current  string `json:"current,omitempty"` // the one until now: needed for one's own
}

// setPassword gives somebody a new password: everybody himself, who says the old one, and an
// operator others. All sessions of the user end, but the one that asks.
func (d *Dashboard) setPassword(w http.ResponseWriter, r *http.Request) {
	c, name := by(r), r.PathValue("name")
	own := (c.Kind == audit.ByUser || c.Kind == audit.ByProxy || c.Kind == audit.ByProvider) && strings.EqualFold(c.Name, name)
	if !own && c.role != accounts.Operator {
		refuse(w, http.StatusForbidden, operatorNeeded(c))
		return
	}
	var in setPasswordJSON
	if _, ok := readBody(w, r, &in); !ok {
		return
	}
	u, known := d.accounts.User(name)
	if !known {
		writeFailure(w, accounts.ErrNobody)
		return
	}
	if own {
		if err := d.accounts.CheckPassword(r.Context(), u.Name, in.Current, peerOf(r)); err != nil {
			writeSignInFailure(w, err)
			return
		}
	}
	hash, err := accounts.HashPassword(r.Context(), u.Name, in.Password)
	if err != nil {
		writeFailure(w, err)
		return
	}
	// What is kept of the request has no hash of a password but argon2id's.
	d.change(w, r, nil, http.StatusNoContent, func(change *audit.BoardChange) (any, error) {
		return nil, d.accounts.SetPassword(change, u.Name, hash, c.cookie)
	})
}

// writeSignInFailure answers with an error of a password that was asked for.
func writeSignInFailure(w http.ResponseWriter, err error) {
	if slow := (accounts.SlowDownError{}); errors.As(err, &slow) {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(slow.Wait.Seconds()))))
	}
	writeFailure(w, err)
}

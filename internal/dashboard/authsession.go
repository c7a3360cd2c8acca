package dashboard

import (
	"net/http"
	"strings"

	"evcp/internal/accounts"
	"evcp/internal/audit"
	"evcp/internal/language"
	"evcp/internal/status"
)

const (
	sessionPath = "/api/v1/session"
	// The names of the cookie: a browser takes the first one by TLS from this host alone.
	secureCookie = "__Host-evcp_session"
	plainCookie  = "evcp_session"
)

// sessionJSON is who the caller is.
type sessionJSON struct {
	Name      string `json:"name"`       // "" = not signed in
	Role      string `json:"role"`       // viewer, operator, setup; "" = not signed in
	CSRF      string `json:"csrf"`       // for X-CSRF-Token
	Public    bool   `json:"public"`     // reading needs no login here
	FirstUser bool   `json:"first_user"` // there is no user yet: the first token makes one
	Password  bool   `json:"password"`   // he has one here, and can change it
	Provider  string `json:"provider"`   // the issuer where people can sign in as well; "": nowhere
}

func (d *Dashboard) sessionOf(r *http.Request, c caller) sessionJSON {
	s := sessionJSON{Name: c.Name, Role: string(c.role), CSRF: c.csrf, Public: d.open(r)}
	s.FirstUser = d.accounts != nil && len(d.accounts.Users()) == 0
	if d.provider != nil {
		s.Provider = d.provider.Issuer
	}
	if c.signedIn() && c.Kind != audit.ByToken && d.accounts != nil {
		_, s.Password = d.accounts.User(c.Name)
	}
	return s
}

func (d *Dashboard) serveSession(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	status.WriteJSON(w, d.sessionOf(r, by(r)))
}

// signInJSON is a name with its password, or the first token.
type signInJSON struct {
	Name     string `json:"name,omitempty"`
	Password string `json:"password,omitempty"`
	Token    string `json:"token,omitempty"`
}

// signIn begins a session. It is no forWriters: who signs in is nobody yet.
func (d *Dashboard) signIn(w http.ResponseWriter, r *http.Request) {
	var in signInJSON
	switch {
	case !ownPage(r):
		refuse(w, http.StatusForbidden, errOtherPage)
		return
	case d.accounts == nil:
		refuse(w, http.StatusServiceUnavailable, errNoAccounts)
		return
	}
	if _, ok := readBody(w, r, &in); !ok {
		return
	}
	var session accounts.SignedIn
	var err error
	switch old := by(r).cookie; {
	case in.Token != "" && in.Name == "" && in.Password == "":
		if session, err = d.accounts.UseFirstToken(in.Token, peerOf(r), old); err == nil && d.firstUsed != nil {
			d.firstUsed()
		}
	case in.Token == "" && in.Name != "" && in.Password != "":
		session, err = d.accounts.SignIn(r.Context(), in.Name, in.Password, peerOf(r), old)
	default:
		status.WriteProblem(w, http.StatusBadRequest, language.Coded("sign_in_fields"))
		return
	}
	if err != nil {
		writeSignInFailure(w, err)
		return
	}
	setCookie(w, r, session.Secret)
	w.Header().Set("Cache-Control", "no-store")
	status.WriteJSON(w, d.sessionOf(r, caller{Actor: audit.Actor{Name: session.Name, Kind: audit.ByUser}, role: session.Role, csrf: session.CSRF()}))
}

// SignedInAs is the page with who opens it on this machine signed in as a user already: for a
// Central that is there to be tried. A browser gets a session of its own, as after a sign-in.
func (d *Dashboard) SignedInAs(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && strings.Contains(r.Header.Get("Accept"), "text/html") && d.fromHere(r) && ownPage(r) {
			if c, err := d.callerOf(r); err == nil && c.role == "" {
				if session, err := d.accounts.Begin(audit.Actor{Name: name, Kind: audit.ByLocal, Peer: c.Peer}, ""); err == nil {
					setCookie(w, r, session.Secret)
				}
			}
		}
		d.ServeHTTP(w, r)
	})
}

func (d *Dashboard) signOut(w http.ResponseWriter, r *http.Request) {
	if c := by(r); c.cookie != "" {
		if err := d.accounts.SignOut(c.named(), c.cookie); err != nil {
			writeFailure(w, err)
			return
		}
	}
	setCookie(w, r, "")
	w.WriteHeader(http.StatusNoContent)
}

// setCookie gives the browser its session; "" takes it back.
func setCookie(w http.ResponseWriter, r *http.Request, secret string) {
	c := http.Cookie{
		Name: plainCookie, Value: secret, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode, MaxAge: int(accounts.SessionLife.Seconds()),
	}
	if r.TLS != nil {
		c.Name, c.Secure = secureCookie, true
	}
	if secret == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, &c)
}

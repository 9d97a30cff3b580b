package mail

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"
)

const (
	// Ports as Ruby's client chooses them when SMTP_PORT is not set.
	plainPort = 25
	tlsPort   = 465
	// defaultTimeout bounds a whole delivery; Mastodon waits 20 seconds for a single reply.
	defaultTimeout = 60 * time.Second
)

// Config is Mastodon's SMTP_* settings. The zero value writes mails into Folder.
type Config struct {
	Method     string // SMTP_DELIVERY_METHOD: smtp, file; empty: smtp if there is a server, else file
	Server     string // SMTP_SERVER
	Port       int    // SMTP_PORT; 0: 25, or 465 with TLS from the start
	Login      string // SMTP_LOGIN; empty: no authentication
	Password   string // SMTP_PASSWORD
	AuthMethod string // SMTP_AUTH_METHOD: plain, login, cram_md5, none, auto; empty: plain
	From       string // SMTP_FROM_ADDRESS; empty: notifications@ the local domain
	ReplyTo    string // SMTP_REPLY_TO
	ReturnPath string // SMTP_RETURN_PATH
	Domain     string // SMTP_DOMAIN, said in HELO; empty: LocalDomain
	TLS        bool   // SMTP_TLS or SMTP_SSL: TLS from the start

	StartTLS     string // SMTP_ENABLE_STARTTLS: always, auto, never; empty: as StartTLSAuto says
	StartTLSAuto string // SMTP_ENABLE_STARTTLS_AUTO: "false" is never, all else is auto
	VerifyMode   string // SMTP_OPENSSL_VERIFY_MODE: none turns verification off, all else verifies
	CAFile       string // SMTP_CA_FILE; empty: the system's authorities

	LocalDomain string        // where Message-IDs belong to
	Folder      string        // where mails go without a server
	Timeout     time.Duration // of a whole delivery; zero: 60 s
}

// Open makes the sender that a configuration describes. It does not connect.
func Open(c Config) (Sender, error) {
	env, err := newEnvelope(&c)
	if err != nil {
		return nil, err
	}
	switch method := strings.ToLower(c.Method); {
	case method == "file", method == "" && c.Server == "":
		if c.Folder == "" {
			return nil, errors.New("setting up mail: without SMTP_SERVER a folder is needed")
		}
		return &Folder{dir: c.Folder, envelope: env}, nil
	case method != "" && method != "smtp":
		return nil, fmt.Errorf("setting up mail: SMTP_DELIVERY_METHOD %q is neither smtp nor file", c.Method)
	case c.Server == "":
		return nil, errors.New("setting up mail: SMTP_SERVER is not set")
	}
	return newSMTP(c, env)
}

func newSMTP(c Config, env envelope) (*SMTP, error) {
	policy, err := c.policy()
	if err != nil {
		return nil, err
	}
	auth, err := c.auth(policy)
	if err != nil {
		return nil, err
	}
	tlsConfig, err := c.tlsConfig()
	if err != nil {
		return nil, err
	}
	if c.Port == 0 {
		if c.Port = plainPort; c.TLS {
			c.Port = tlsPort
		}
	}
	if c.Port < 1 || c.Port > 65535 {
		return nil, fmt.Errorf("setting up mail: SMTP_PORT %d is not between 1 and 65535", c.Port)
	}
	if c.Domain == "" {
		c.Domain = env.domain
	}
	if c.Timeout <= 0 {
		c.Timeout = defaultTimeout
	}
	s := &SMTP{config: c, envelope: env, tls: tlsConfig}
	s.options = []gomail.Option{
		gomail.WithPort(c.Port), gomail.WithHELO(c.Domain), gomail.WithTimeout(c.Timeout), gomail.WithTLSConfig(tlsConfig),
		gomail.WithTLSPolicy(policy), auth, gomail.WithUsername(c.Login), gomail.WithPassword(c.Password),
	}
	if c.TLS {
		s.options = append(s.options, gomail.WithSSL())
	}
	if _, err := gomail.NewClient(c.Server, s.options...); err != nil {
		return nil, fmt.Errorf("setting up mail: %w", err)
	}
	return s, nil
}

// policy is whether to turn to TLS after the greeting.
func (c *Config) policy() (gomail.TLSPolicy, error) {
	if c.TLS {
		return gomail.NoTLS, nil // it is on from the start
	}
	switch strings.ToLower(c.StartTLS) {
	case "always":
		return gomail.TLSMandatory, nil
	case "never":
		return gomail.NoTLS, nil
	case "auto":
		return gomail.TLSOpportunistic, nil
	case "":
		if strings.EqualFold(c.StartTLSAuto, "false") {
			return gomail.NoTLS, nil
		}
		return gomail.TLSOpportunistic, nil
	}
	return 0, fmt.Errorf("setting up mail: SMTP_ENABLE_STARTTLS %q is none of always, auto, never", c.StartTLS)
}

// auth is how to log in. A password travels unencrypted only if the operator has turned encryption off: with "auto" it does not
// depend on what somebody in between lets the server offer.
func (c *Config) auth(policy gomail.TLSPolicy) (gomail.Option, error) {
	if c.Login == "" {
		return gomail.WithSMTPAuth(gomail.SMTPAuthNoAuth), nil
	}
	open := policy == gomail.NoTLS && !c.TLS
	var kind gomail.SMTPAuthType
	switch method := strings.ToLower(c.AuthMethod); method {
	case "", "plain":
		if kind = gomail.SMTPAuthPlain; open {
			kind = gomail.SMTPAuthPlainNoEnc
		}
	case "login":
		if kind = gomail.SMTPAuthLogin; open {
			kind = gomail.SMTPAuthLoginNoEnc
		}
	case "cram_md5":
		kind = gomail.SMTPAuthCramMD5
	case "auto":
		return gomail.WithOpportunisticSMTPAuth(gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthSCRAMSHA1, gomail.SMTPAuthCramMD5,
			gomail.SMTPAuthPlain, gomail.SMTPAuthLogin), nil // the last two refuse to work unencrypted
	case "none":
		kind = gomail.SMTPAuthNoAuth
	default:
		return nil, fmt.Errorf("setting up mail: SMTP_AUTH_METHOD %q is none of plain, login, cram_md5, auto, none", c.AuthMethod)
	}
	return gomail.WithSMTPAuth(kind), nil
}

func (c *Config) tlsConfig() (*tls.Config, error) {
	t := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: c.Server}
	switch strings.ToLower(c.VerifyMode) {
	case "none":
		t.InsecureSkipVerify = true // the operator's explicit choice, as in Mastodon
	case "", "peer", "client_once", "fail_if_no_peer_cert":
	default:
		return nil, fmt.Errorf("setting up mail: SMTP_OPENSSL_VERIFY_MODE %q is none of none, peer, client_once, fail_if_no_peer_cert", c.VerifyMode)
	}
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("setting up mail: reading SMTP_CA_FILE: %w", err)
		}
		t.RootCAs = x509.NewCertPool()
		if !t.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("setting up mail: no certificate in SMTP_CA_FILE %s", c.CAFile)
		}
	}
	return t, nil
}

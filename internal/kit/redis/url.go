package redis

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/redis/rueidis"
)

// defaultPort is Redis' registered port.
const defaultPort = "6379"

// maxDB is the largest database number taken; servers ship with 16.
const maxDB = 1 << 16

// parse reads an address. Its errors never repeat the address, which may hold a password.
func parse(address string) (opt rueidis.ClientOption, where string, err error) {
	u, err := url.Parse(strings.TrimSpace(address))
	if err != nil {
		return opt, "", errors.New("reading redis address: not an URL (is a special character of the password percent-encoded?)")
	}
	q := u.Query()
	switch u.Scheme {
	case "redis", "rediss":
		where, err = hostPort(u)
	case "unix":
		where, err = u.Path, nil
		if where == "" {
			err = errors.New("reading redis address: unix:// needs the path of a socket")
		}
		opt.DialCtxFn = func(ctx context.Context, path string, d *net.Dialer, _ *tls.Config) (net.Conn, error) {
			return d.DialContext(ctx, "unix", path)
		}
	default:
		err = errors.New("reading redis address: the scheme must be redis, rediss or unix")
	}
	if err != nil {
		return opt, "", err
	}
	opt.InitAddress = []string{where}
	opt.Username = u.User.Username()
	opt.Password, _ = u.User.Password()
	if err := checkParams(u.Scheme, q); err != nil {
		return opt, "", err
	}
	if opt.SelectDB, err = database(u, q); err != nil {
		return opt, "", err
	}
	if u.Scheme == "rediss" {
		if opt.TLSConfig, err = tlsConfig(u.Hostname(), q); err != nil {
			return opt, "", fmt.Errorf("preparing tls for redis at %s: %w", where, err)
		}
	}
	return opt, where, nil
}

func hostPort(u *url.URL) (string, error) {
	host, port := u.Hostname(), u.Port()
	if host == "" {
		host = "localhost"
	}
	if port == "" {
		port = defaultPort
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", errors.New("reading redis address: the port must be between 1 and 65535")
	}
	return net.JoinHostPort(host, port), nil
}

// database finds the number in the path (redis://host/2) or in the parameter db, as Ruby's client does.
func database(u *url.URL, q url.Values) (int, error) {
	text := q.Get("db")
	if p := strings.Trim(u.Path, "/"); u.Scheme != "unix" && p != "" {
		text = p
	}
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > maxDB {
		return 0, errors.New("reading redis address: the database must be a number such as 0")
	}
	return n, nil
}

// checkParams refuses parameters without meaning here: a misspelt ca= must not silently mean the system's authorities.
func checkParams(scheme string, q url.Values) error {
	for name := range q {
		switch {
		case name == "db":
		case scheme == "rediss" && (name == "ca" || name == "cert" || name == "key" || name == "server_name"):
		default:
			return fmt.Errorf("reading redis address: parameter %q has no meaning for %s://", name, scheme)
		}
	}
	return nil
}

func tlsConfig(host string, q url.Values) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: host}
	if name := q.Get("server_name"); name != "" {
		c.ServerName = name
	}
	if file := q.Get("ca"); file != "" {
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("reading authorities: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("reading authorities: no certificate in %s", file)
		}
	}
	cert, key := q.Get("cert"), q.Get("key")
	if (cert == "") != (key == "") {
		return nil, errors.New("a client certificate needs both cert= and key=")
	}
	if cert != "" {
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			return nil, fmt.Errorf("reading client certificate: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

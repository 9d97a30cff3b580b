package e2e

import (
	"errors"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"testing"
)

// startProxy joins several processes to one public address, as an operator's web server does. ports names the port for each beginning of a path.
func startProxy(t testing.TB, address string, ports map[string]int) {
	t.Helper()
	mux := http.NewServeMux()
	for prefix, port := range ports {
		target := &url.URL{Scheme: "http", Host: "127.0.0.1:" + strconv.Itoa(port)}
		proxy := &httputil.ReverseProxy{
			FlushInterval: -1, // events must not wait for more of them
			Rewrite: func(r *httputil.ProxyRequest) {
				r.SetURL(target)
				r.SetXForwarded()
				r.Out.Host = r.In.Host
			},
			ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
				http.Error(w, err.Error(), http.StatusBadGateway)
			},
		}
		mux.Handle(prefix, proxy)
		if prefix != "/" {
			mux.Handle(prefix+"/", proxy)
		}
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatalf("starting the proxy: %v", err)
	}
	// As nginx, it serves nobody on who sends a body in chunks and a length besides; here that is everybody with chunks.
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.TransferEncoding) > 0 {
			w.Header().Set("Connection", "close")
		}
		mux.ServeHTTP(w, r)
	})}
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	t.Cleanup(func() {
		_ = server.Close()
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("the proxy ended: %v", err)
		}
	})
}

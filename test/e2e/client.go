package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// Multipart is a body with files, as a form in a browser sends it.
type Multipart struct {
	// Fields are the plain values.
	Fields url.Values
	// Files are the contents by field; the field's name is the file's name too.
	Files map[string][]byte
}

// Text is a body that is sent as it is, with its content type.
type Text struct{ Type, Body string }

// Answer is what the server said.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte

	t    testing.TB
	what string
}

// noRedirects asks for one page at a time, so that a test sees where it is sent.
var noRedirects = &http.Client{CheckRedirect: stay, Timeout: patience}

func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// Do asks the server. The path may also be a whole address. The token may be empty. The body is nil, url.Values (a form), Multipart, Text, or anything
// else, which is sent as JSON. Redirects are not followed.
func (s *Server) Do(method, path, token string, body any) Answer {
	s.t.Helper()
	address := path
	if strings.HasPrefix(path, "/") {
		address = s.URL + path
	}
	answer, err := ask(method, address, token, body)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
	answer.t = s.t
	return answer
}

func ask(method, address, token string, body any) (Answer, error) {
	kind, reader, err := encode(body)
	if err != nil {
		return Answer{}, err
	}
	request, err := http.NewRequest(method, address, reader)
	if err != nil {
		return Answer{}, fmt.Errorf("making the request: %w", err)
	}
	if kind != "" {
		request.Header.Set("Content-Type", kind)
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := noRedirects.Do(request)
	if err != nil {
		return Answer{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, pageLimit))
	if err != nil {
		return Answer{}, fmt.Errorf("reading the answer: %w", err)
	}
	return Answer{Status: response.StatusCode, Header: response.Header, Body: text, what: method + " " + address}, nil
}

// encode returns the content type and the bytes of a body.
func encode(body any) (string, io.Reader, error) {
	switch body := body.(type) {
	case nil:
		return "", nil, nil
	case url.Values:
		return "application/x-www-form-urlencoded", strings.NewReader(body.Encode()), nil
	case Text:
		return body.Type, strings.NewReader(body.Body), nil
	case Multipart:
		return encodeMultipart(body)
	default:
		text, err := json.Marshal(body)
		if err != nil {
			return "", nil, fmt.Errorf("encoding the body: %w", err)
		}
		return "application/json", bytes.NewReader(text), nil
	}
}

func encodeMultipart(body Multipart) (string, io.Reader, error) {
	var buffer bytes.Buffer
	writer := multipart.NewWriter(&buffer)
	for name, values := range body.Fields {
		for _, value := range values {
			if err := writer.WriteField(name, value); err != nil {
				return "", nil, fmt.Errorf("writing field %s: %w", name, err)
			}
		}
	}
	for name, content := range body.Files {
		file, err := writer.CreateFormFile(name, name)
		if err != nil {
			return "", nil, fmt.Errorf("writing file %s: %w", name, err)
		}
		if _, err := file.Write(content); err != nil {
			return "", nil, fmt.Errorf("writing file %s: %w", name, err)
		}
	}
	if err := writer.Close(); err != nil {
		return "", nil, fmt.Errorf("ending the form: %w", err)
	}
	return writer.FormDataContentType(), &buffer, nil
}

// Want fails the test unless the server answered with this status.
func (a Answer) Want(status int) Answer {
	a.t.Helper()
	if a.Status != status {
		a.t.Fatalf("%s: status %d, want %d: %s", a.what, a.Status, status, shorten(a.Body))
	}
	return a
}

// Into decodes the answer's JSON.
func (a Answer) Into(value any) Answer {
	a.t.Helper()
	if err := json.Unmarshal(a.Body, value); err != nil {
		a.t.Fatalf("%s: status %d, reading the answer: %v: %s", a.what, a.Status, err, shorten(a.Body))
	}
	return a
}

// Error returns the sentence of an error answer.
func (a Answer) Error() string {
	a.t.Helper()
	var found struct {
		Error string `json:"error"`
	}
	a.Into(&found)
	return found.Error
}

func shorten(text []byte) string {
	const most = 2000 // bytes
	return string(text[:min(len(text), most)])
}

// Person is somebody with an account and a token.
type Person struct {
	Account
	// Server is where the account is.
	Server *Server
	// ID is the account's id.
	ID string
	// Token allows everything that AllScopes does.
	Token string
}

// Person makes an account and a token for it.
func (s *Server) Person(name string) Person {
	s.t.Helper()
	p := Person{Account: s.CreateAccount(name), Server: s}
	p.Token = s.Token(name, AllScopes)
	var me struct {
		ID string `json:"id"`
	}
	p.Get("/api/v1/accounts/verify_credentials", &me)
	p.ID = me.ID
	return p
}

// Do asks the server in the person's name.
func (p Person) Do(method, path string, body any) Answer {
	p.Server.t.Helper()
	return p.Server.Do(method, path, p.Token, body)
}

// Get reads what must be there.
func (p Person) Get(path string, into any) {
	p.Server.t.Helper()
	p.Do(http.MethodGet, path, nil).Want(http.StatusOK).Into(into)
}

// Post does what must succeed; into may be nil.
func (p Person) Post(path string, body, into any) {
	p.Server.t.Helper()
	answer := p.Do(http.MethodPost, path, body).Want(http.StatusOK)
	if into != nil {
		answer.Into(into)
	}
}

func decodeBody(answer *http.Response, into any) error {
	defer answer.Body.Close()
	return json.NewDecoder(io.LimitReader(answer.Body, pageLimit)).Decode(into)
}

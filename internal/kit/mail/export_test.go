package mail

// DialTo lets a test reach its sink under another server's name.
func DialTo(s Sender, addr string) { s.(*SMTP).dialTo = addr }

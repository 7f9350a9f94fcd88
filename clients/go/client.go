package millhand

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"

	millhandv1 "github.com/millhand/millhand/clients/go/millhand/v1"
)

// maxMessageBytes is the largest message that a server sends.
const maxMessageBytes = 8 << 20

// Option changes how a client connects.
type Option func(*settings) error

type settings struct {
	tls           *tls.Config
	token         string
	insecureToken bool
	patience      time.Duration
	dial          []grpc.DialOption
}

// WithTLS connects over TLS with this configuration; an empty one trusts what the system trusts.
func WithTLS(config *tls.Config) Option {
	return func(s *settings) error {
		s.tls = config.Clone()
		return nil
	}
}

// WithCA connects over TLS and trusts the authorities in these PEM bytes only.
func WithCA(pem []byte) Option {
	return func(s *settings) error {
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return errors.New("millhand: WithCA: there is no certificate in this PEM")
		}
		s.configuration().RootCAs = pool
		return nil
	}
}

// WithCertificate shows this certificate to the server, for mutual TLS. Both are PEM.
func WithCertificate(certificate, key []byte) Option {
	return func(s *settings) error {
		pair, err := tls.X509KeyPair(certificate, key)
		if err != nil {
			return fmt.Errorf("millhand: WithCertificate: %w", err)
		}
		s.configuration().Certificates = []tls.Certificate{pair}
		return nil
	}
}

// WithToken sends a bearer token with every call. Without TLS it is sent to this machine only: see WithInsecureToken.
func WithToken(token string) Option {
	return func(s *settings) error {
		s.token = token
		return nil
	}
}

// WithInsecureToken lets the token travel in the clear over a network, where everybody on the way can read and use it.
func WithInsecureToken() Option {
	return func(s *settings) error {
		s.insecureToken = true
		return nil
	}
}

// WithPatience sets for how long readers, sessions and Execute try to get a lost server back once it has answered; 2
// minutes unless it is set. Other calls that may be repeated are, for 10 seconds at most. 0 gives up at once.
func WithPatience(patience time.Duration) Option {
	return func(s *settings) error {
		s.patience = patience
		return nil
	}
}

// WithDialOptions adds options of gRPC's own, such as interceptors.
func WithDialOptions(options ...grpc.DialOption) Option {
	return func(s *settings) error {
		s.dial = append(s.dial, options...)
		return nil
	}
}

// Client is a connection to a server. It is safe for concurrent use.
type Client struct {
	connection *grpc.ClientConn
	stub       millhandv1.TaskServiceClient
	patience   time.Duration
}

// NewClient returns a client of the server at an address such as `127.0.0.1:50051`. It connects when it is first used.
// An error means that the options cannot be used.
func NewClient(address string, options ...Option) (*Client, error) {
	chosen := settings{patience: 2 * time.Minute}
	for _, option := range options {
		if err := option(&chosen); err != nil {
			return nil, err
		}
	}
	if err := chosen.check(address); err != nil {
		return nil, err
	}
	connection, err := grpc.NewClient(address, append(chosen.dialOptions(), chosen.dial...)...)
	if err != nil {
		return nil, fmt.Errorf("millhand: %w", err)
	}
	return &Client{connection, millhandv1.NewTaskServiceClient(connection), chosen.patience}, nil
}

// Close closes the connection. Calls that are under way end with an Error of the code Canceled; tasks are not touched.
func (c *Client) Close() error { return c.connection.Close() }

// Stub returns the generated client on the same connection, for what this package does not wrap.
func (c *Client) Stub() millhandv1.TaskServiceClient { return c.stub }

// Connection returns the connection, for other services of the server, such as health.
func (c *Client) Connection() *grpc.ClientConn { return c.connection }

func (s *settings) configuration() *tls.Config {
	if s.tls == nil {
		s.tls = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	return s.tls
}

func (s *settings) check(address string) error {
	if s.token == "" || s.tls != nil || s.insecureToken || isLoopback(address) {
		return nil
	}
	return fmt.Errorf("millhand: the token would travel to %s in the clear: use TLS, or WithInsecureToken", address)
}

func (s *settings) dialOptions() []grpc.DialOption {
	transport := insecure.NewCredentials()
	if s.tls != nil {
		transport = credentials.NewTLS(s.tls)
	}
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(transport),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessageBytes)),
		// gRPC's own delay grows to two minutes, which is longer than most restarts.
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: firstDelay, Multiplier: 1.6, Jitter: 0.2, MaxDelay: longestDelay},
			MinConnectTimeout: longestDelay,
		}),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 30 * time.Second, Timeout: 10 * time.Second}),
	}
	if s.token != "" {
		options = append(options, grpc.WithPerRPCCredentials(bearer(s.token)))
	}
	return options
}

func isLoopback(address string) bool {
	if strings.HasPrefix(address, "unix:") {
		return true
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = address
	}
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

// bearer is a token. That it is safe to send was decided when the client was made.
type bearer string

func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(b)}, nil
}

func (bearer) RequireTransportSecurity() bool { return false }

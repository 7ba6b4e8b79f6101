package effects

import (
	"go/types"
	"strings"

	"github.com/perdure/perdure/lint/internal/model"
)

// Class says in which way code differs from run to run, or repeats what it did.
type Class int

// The classes.
const (
	None    Class = iota
	Clock         // the time, and timers
	Random        // random numbers, ids and keys
	Environ       // the environment, arguments, flags, the machine and the process
	IO            // files, the network, databases, processes
	Output        // lines on standard output, or in a log that is not the durable one
	Opaque        // a call that nobody can follow, of what looks as if it reached outside
	Threads       // goroutines and what they share
	Order         // a result in the order of a map
	State         // a variable of the package that goes up with each run
)

// A room says which functions and variables of a package have effects. Methods are written Type.Method.
type room struct {
	class  Class           // of all that is not listed below
	listed map[string]bool // see all
	all    bool            // whether listed are those without effects, and not those with
}

func only(class Class, names string) room { return room{class: class, listed: set(names)} }
func allBut(class Class, names string) room {
	return room{class: class, listed: set(names), all: true}
}

func set(names string) map[string]bool {
	m := map[string]bool{}
	for name := range strings.FieldsSeq(names) {
		m[name] = true
	}
	return m
}

// rooms are the packages with effects of their own. The other packages of the standard library have
// none; those of other modules have what they call.
var rooms = map[string][]room{
	"time": {
		only(Clock, "Now Since Until Sleep After AfterFunc Tick NewTimer NewTicker"),
		only(Environ, "Local Time.Local"),
	},
	"context": {
		only(Clock, "WithTimeout WithTimeoutCause WithDeadline WithDeadlineCause Context.Deadline"),
		only(Threads, "AfterFunc"),
	},
	"math/rand":    {allBut(Random, "New NewSource NewZipf Rand.* Zipf.* Source.* Source64.*")},
	"math/rand/v2": {allBut(Random, "New NewPCG NewChaCha8 NewZipf Rand.* Zipf.* PCG.* ChaCha8.* Source.*")},
	"crypto/rand":  {allBut(Random, "")},
	"hash/maphash": {
		allBut(Random, "Bytes String Comparable WriteComparable Hash.SetSeed Hash.BlockSize Hash.Size")},
	"crypto/ed25519": {only(Random, "GenerateKey")},
	"crypto/mlkem":   {only(Random, "GenerateKey768 GenerateKey1024")},
	"os": {
		only(Environ, "Getenv LookupEnv Environ ExpandEnv Setenv Unsetenv Clearenv Hostname Getpid Getppid Getuid "+
			"Geteuid Getgid Getegid Getgroups Getwd Executable UserHomeDir UserCacheDir UserConfigDir "+
			"TempDir Getpagesize Args"),
		only(Output, "Stdout Stderr"),
		allBut(IO, "IsExist IsNotExist IsPermission IsTimeout IsPathSeparator NewSyscallError SameFile Expand "+
			"SyscallError.* LinkError.* PathError.* FileMode.* FileInfo.* DirEntry.* ErrInvalid "+
			"ErrPermission ErrExist ErrNotExist ErrClosed ErrNoDeadline ErrDeadlineExceeded "+
			"ErrProcessDone Interrupt Kill Signal.* File.Name DevNull"),
	},
	"os/exec": {
		allBut(IO, "Command CommandContext Cmd.String Cmd.Environ Error.* ExitError.* ErrNotFound ErrDot "+
			"ErrWaitDelay")},
	"os/user": {
		allBut(Environ, "UnknownUserError.* UnknownUserIdError.* UnknownGroupError.* UnknownGroupIdError.*")},
	"os/signal": {allBut(Environ, "")},
	"syscall": {
		only(Environ, "Getenv Environ Getpid"), only(IO, "Open Read Write Close Exec ForkExec Kill Connect Socket")},
	"runtime": {only(Environ, "NumCPU GOMAXPROCS NumGoroutine NumCgoCall ReadMemStats")},
	"runtime/debug": {
		only(Environ, "ReadBuildInfo ReadGCStats SetGCPercent SetMemoryLimit SetMaxStack SetMaxThreads"),
	},
	"flag": {only(Environ, "Parse Parsed Arg Args NArg NFlag Lookup Visit VisitAll Set CommandLine")},
	"net": {
		allBut(IO, "ParseIP ParseCIDR ParseMAC JoinHostPort SplitHostPort IPv4 IPv4Mask CIDRMask FileConn Pipe "+
			"TCPAddrFromAddrPort UDPAddrFromAddrPort IP.* IPNet.* IPMask.* IPAddr.* TCPAddr.* UDPAddr.* "+
			"UnixAddr.* HardwareAddr.* Addr.* Error.* OpError.* DNSError.* AddrError.* ParseError.* "+
			"UnknownNetworkError.* InvalidAddrError.* DNSConfigError.* Flags.* Conn.LocalAddr "+
			"Conn.RemoteAddr ErrClosed ErrWriteToConnected IPv4bcast IPv4allsys IPv4allrouter IPv4zero "+
			"IPv6zero IPv6unspecified IPv6loopback")},
	"net/http": {
		only(IO, "Get Head Post PostForm ListenAndServe ListenAndServeTLS Serve ServeTLS Client.Do Client.Get "+
			"Client.Head Client.Post Client.PostForm RoundTripper.RoundTrip Transport.RoundTrip "+
			"Server.ListenAndServe Server.ListenAndServeTLS Server.Serve Server.ServeTLS Server.Shutdown "+
			"Server.Close")},
	"net/smtp": {allBut(IO, "PlainAuth CRAMMD5Auth")},
	"net/rpc":  {allBut(IO, "ServerError.*")},
	"crypto/tls": {only(IO, "Dial DialWithDialer Listen LoadX509KeyPair Dialer.Dial Dialer.DialContext Conn.Read "+
		"Conn.Write Conn.Handshake Conn.HandshakeContext")},
	"crypto/x509": {only(IO, "SystemCertPool")},
	"database/sql": {
		allBut(IO, "Named Open OpenDB Register Drivers NullString.* NullInt64.* NullInt32.* NullInt16.* "+
			"NullByte.* NullFloat64.* NullBool.* NullTime.* Null.* Out.* RawBytes.* IsolationLevel.* "+
			"DB.SetMaxOpenConns DB.SetMaxIdleConns DB.SetConnMaxLifetime DB.SetConnMaxIdleTime DB.Stats "+
			"DB.Driver ErrNoRows ErrTxDone ErrConnDone ColumnType.*")},
	"io/ioutil":     {only(IO, "ReadFile WriteFile ReadDir TempDir TempFile")},
	"path/filepath": {only(IO, "Glob Walk WalkDir EvalSymlinks"), only(Environ, "Abs")},
	"text/template": {only(IO, "ParseFiles ParseGlob Template.ParseFiles Template.ParseGlob")},
	"html/template": {only(IO, "ParseFiles ParseGlob Template.ParseFiles Template.ParseGlob")},
	"plugin":        {only(IO, "Open")},
	"fmt":           {only(Output, "Print Printf Println"), only(IO, "Scan Scanf Scanln")},
	"log": {only(IO, "Fatal Fatalf Fatalln Logger.Fatal Logger.Fatalf Logger.Fatalln"),
		only(Output, "Print Printf Println Output Panic Panicf Panicln Logger.Print Logger.Printf Logger.Println "+
			"Logger.Output Logger.Panic Logger.Panicf Logger.Panicln")},
	"log/slog": {
		only(Output, "Debug DebugContext Info InfoContext Warn WarnContext Error ErrorContext Log LogAttrs Default")},
	"github.com/aws/aws-lambda-go/lambdacontext": {
		only(Environ, "FromContext FunctionName FunctionVersion LogGroupName LogStreamName MemoryLimitInMB")},
	"github.com/google/uuid":     {only(Random, "New NewString NewRandom NewUUID NewV6 NewV7")},
	"golang.org/x/sync/errgroup": {only(Threads, "Group.Go Group.TryGo")},
	"google.golang.org/grpc": {
		only(IO, "ClientConnInterface.Invoke ClientConnInterface.NewStream ClientConn.Invoke")},
}

// sourceOf returns the class of a function, or of a variable of a package, that has an effect by itself.
func sourceOf(obj types.Object) Class {
	if obj.Pkg() == nil {
		return None
	}
	in, ok := rooms[obj.Pkg().Path()]
	if !ok {
		return None
	}
	name, class := Key(obj), None
	typ, _, isMethod := strings.Cut(name, ".")
	for _, r := range in {
		listed := r.listed[name] || isMethod && r.listed[typ+".*"]
		if listed && r.all {
			return None
		}
		if listed || r.all {
			class = r.class
			break
		}
	}
	if v, ok := obj.(*types.Var); ok && class == IO && v.Name() != "Stdin" || !obj.Exported() {
		return None // an error, a table
	}
	return class
}

// Key names a function, method or variable within its package: "Now", "File.Read".
func Key(obj types.Object) string {
	if fn, ok := obj.(*types.Func); ok {
		return model.FuncName(fn)
	}
	return obj.Name()
}

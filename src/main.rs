//! The `detour` command: arguments and variables in, one exit code out.

use detour::cli::{self, Exit};
use detour::config::{self, Command};
use std::env;
use std::io;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args = env::args_os().skip(1).collect();
    let exit = match config::parse(args, &|name| env::var_os(name)) {
        Ok(command) => run(command),
        Err(error) => {
            cli::report(&mut io::stderr().lock(), &error, Some(&error.hint()));
            Exit::Usage
        }
    };
    exit.into()
}

fn run(command: Command) -> Exit {
    match command {
        Command::Help(text) | Command::Version(text) => cli::print(text),
        Command::Normalize(config) => cli::normalize::run(&config),
        Command::Migrate(config) => cli::migrate::run(&config),
        Command::Review(config) => cli::review::run(&config),
        Command::Serve(config) => cli::serve::run(&config),
    }
}

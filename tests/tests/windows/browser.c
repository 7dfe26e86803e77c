/* What a browser on Windows does with a native host: `browser.exe PROGRAM ARGUMENT` starts it in a job object, with the
 * pipes that this has, and ends with it; everything that is in the job ends too. */

#include <stdio.h>
#include <windows.h>

#ifdef NO_WAY_OUT
#define WAY_OUT 0
#else
#define WAY_OUT JOB_OBJECT_LIMIT_BREAKAWAY_OK
#endif

int wmain(int count, wchar_t **arguments)
{
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits = {0};
    STARTUPINFOW startup = {sizeof startup};
    PROCESS_INFORMATION host;
    wchar_t line[2048];
    DWORD code;
    HANDLE job = CreateJobObjectW(NULL, NULL);

    limits.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE | WAY_OUT;
    if (count != 3 || !job || !SetInformationJobObject(job, JobObjectExtendedLimitInformation, &limits, sizeof limits))
        return 101;
    startup.dwFlags = STARTF_USESTDHANDLES;
    startup.hStdInput = GetStdHandle(STD_INPUT_HANDLE);
    startup.hStdOutput = GetStdHandle(STD_OUTPUT_HANDLE);
    startup.hStdError = GetStdHandle(STD_ERROR_HANDLE);
    swprintf(line, 2048, L"\"%ls\" \"%ls\"", arguments[1], arguments[2]);
    if (!CreateProcessW(NULL, line, NULL, NULL, TRUE, CREATE_SUSPENDED, NULL, NULL, &startup, &host))
        return 102;
    if (!AssignProcessToJobObject(job, host.hProcess) || ResumeThread(host.hThread) == (DWORD)-1)
        return 103;
    WaitForSingleObject(host.hProcess, INFINITE);
    GetExitCodeProcess(host.hProcess, &code);
    CloseHandle(job);
    return (int)code;
}
